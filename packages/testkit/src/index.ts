export {
  assertDifferentKeys,
  assertKeysOnlyTo,
  assertNoKey,
  assertOneKey,
  type Requests,
} from './assert/assertions.js'
export type { Carried } from './assert/carried.js'
export type { KeyOptions } from './assert/keys.js'
export { type Outgoing, type OutgoingRequest, watchOutgoing } from './assert/outgoing.js'
export { type Balancer, type BalancerOptions, startBalancer, type Target } from './balancer.js'
export { type Lookup, PrefixCache, type PrefixCacheOptions } from './cache.js'
export type { Policy } from './pick.js'
export { chatPrompt } from './protocol/prompt.js'
export { type Recorder, type RecorderOptions, startRecorder } from './recorder.js'
export { type Replica, type ReplicaCounters, type ReplicaOptions, startReplica } from './replica.js'
export type { RecordedRequest } from './requests.js'
export { callTool, cut, fail, rateLimited, redirectTo, reset, type Step, say, stall } from './steps.js'
