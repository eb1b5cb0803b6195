// For the runtimes that run a program.

import { createRequire } from 'node:module'
import { currentSession, runWithSession } from 'llm-affinity'
import { clientCases } from './clients.mjs'
import { answerLines } from './lines.mjs'
import { cases } from './probe.mjs'

const ownCases = {
  /** What is required, and not imported, shares the scope. */
  require: () => {
    const required = createRequire(import.meta.url)('llm-affinity')
    return runWithSession(
      'conversation-42',
      () => required.currentSession() === currentSession() && currentSession().id,
    )
  },
  // Imported when they are asked for: to import undici replaces the global dispatcher on some Nodes.
  undici: async (args) => (await import('./undici.mjs')).undici(args),
  undiciComposes: async () => typeof (await import('undici')).Agent.prototype.compose === 'function',
}

const all = { ...cases, ...clientCases, ...ownCases }

await answerLines(all)
