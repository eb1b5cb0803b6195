import { defineConfig } from 'vitest/config'

// Loaded by Node, and through Vite as a page's code is.
const environments = ['jsdom', 'happy-dom'].flatMap((environment) =>
  [[], ['llm-affinity']].map((inline) => ({
    test: {
      name: `${environment}, ${inline.length === 0 ? 'loaded by Node' : 'inlined'}`,
      environment,
      include: ['*.test.js'],
      server: { deps: { inline } },
      // A page of another origin may not send our header without the gateway's leave.
      environmentOptions: { happyDOM: { settings: { fetch: { disableSameOriginPolicy: true } } } },
    },
  })),
)

export default defineConfig({ test: { projects: environments } })
