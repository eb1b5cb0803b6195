import type { LookupFunction } from 'node:net'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { differential } from './differential.ts'

const lookup: LookupFunction = (_host, { all }, done) =>
  all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)

undici8.setGlobalDispatcher(new undici8.Agent({ connect: { lookup } }))
undici7.setGlobalDispatcher(new undici7.Agent({ connect: { lookup } }))

differential('undici 8', { calls: 1500 })
differential('undici 8', { calls: 1000, names: true })
differential('undici 7', { calls: 1000 })
differential('undici 7', { calls: 1000, names: true })
