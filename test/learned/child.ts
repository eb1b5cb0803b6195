// A process that makes the calls of conversations that it is told of, with its learned state in Redis.

import KeyvRedis from '@keyv/redis'
import Keyv from 'keyv'
import { affinityFetch, runWithSession } from 'llm-affinity'
import { LearnedState } from 'llm-affinity/learned'

const [, , origin = '', url = ''] = process.argv
const store = new Keyv(new KeyvRedis(url))
const send = affinityFetch({ use: new LearnedState({ headers: ['x-token'], store, storeWaitMs: 10_000 }) })

process.on('message', async (id: string) => {
  const response = await runWithSession(id, () => send(origin, { method: 'POST', body: '{}' }))
  await response.text()
  process.send?.({ id, token: response.headers.get('x-token') })
})
process.send?.('ready')
