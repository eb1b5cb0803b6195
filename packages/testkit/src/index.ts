export {
  assertDifferentKeys,
  assertGivenBack,
  assertKeysOnlyTo,
  assertNoKey,
  assertOneKey,
  type Requests,
} from './assert/assertions.js'
export type { KeyOptions } from './assert/keys.js'
export { type Outgoing, type OutgoingRequest, watchOutgoing } from './assert/outgoing.js'
export type { RequestView } from './assert/request-view.js'
export { chatPrompt } from './protocol/prompt.js'
export { type Balancer, type BalancerOptions, startBalancer, type Target } from './servers/balancer.js'
export { type Lookup, PrefixCache, type PrefixCacheOptions } from './servers/cache.js'
export type { HeaderPolicy, Policy } from './servers/pick.js'
export { type Recorder, type RecorderOptions, startRecorder } from './servers/recorder.js'
export { type Replica, type ReplicaCounters, type ReplicaOptions, startReplica } from './servers/replica.js'
export type { RecordedRequest } from './servers/requests.js'
export { callTool, cut, fail, rateLimited, redirectTo, reset, type Step, say, stall } from './servers/steps.js'
