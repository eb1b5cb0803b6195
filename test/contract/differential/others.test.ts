import { differential } from './differential.ts'

differential('node-fetch 3', { calls: 1500 })
differential('node-fetch 2', { calls: 1500 })
differential('node-fetch 3 with a redirect limit', { calls: 500 })
differential('@whatwg-node/fetch', { calls: 1000 })
differential('one that logs clones', { calls: 1500 })
