// What compiles with Bun's types, whose fetch has a method.

import { affinityFetch } from 'llm-affinity'

const send: typeof globalThis.fetch = affinityFetch()
send.preconnect('http://gateway:4000')
