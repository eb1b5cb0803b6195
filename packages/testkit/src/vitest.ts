// `import 'llm-affinity-testkit/vitest'` in a test or a setup file adds the matchers to vitest's `expect`.
import './assert/matchers.js'

export type { AffinityMatchers } from './assert/matchers.js'
