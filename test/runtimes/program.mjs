// For the runtimes that run a program: one case a line, one answer a line. It ends when whoever asks is gone.

import { createRequire } from 'node:module'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { currentSession, runWithSession } from 'llm-affinity'
import { clientCases } from './clients.mjs'
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

for await (const line of createInterface({ input: process.stdin })) {
  const { name, args } = JSON.parse(line)
  let answer
  try {
    answer = { result: (await all[name](args)) ?? null }
  } catch (error) {
    answer = { error: String(error?.stack ?? error) }
  }
  console.log(JSON.stringify(answer))
}
