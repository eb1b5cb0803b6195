import { differential } from './differential.ts'

differential('a plain object', { calls: 500 })
differential('a frozen object', { calls: 500 })
differential('a thenable', { calls: 500 })
differential('a sync double', { calls: 1000 })
differential('an async double', { calls: 1000 })
differential('an object, sync', { calls: 500 })
differential('one that throws', { calls: 500 })
differential('one that rejects with a string', { calls: 500 })
differential('one that rejects with undefined', { calls: 500 })
differential('one that gives undefined', { calls: 500 })
