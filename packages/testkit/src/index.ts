export { type Recorder, type RecorderOptions, startRecorder } from './recorder.js'
export type { RecordedRequest } from './requests.js'
export { callTool, cut, fail, rateLimited, redirectTo, reset, type Step, say, stall } from './steps.js'
