// Vite's ssr builds of call.mjs: for Node, and for a Worker under the export conditions that frameworks set.

import { build } from 'vite'

const webworker = { target: 'webworker', noExternal: true }
const builds = {
  node: { noExternal: true },
  webworker,
  'worker-browser': { ...webworker, resolve: { conditions: ['worker', 'browser'] } },
  'workerd-worker-browser': { ...webworker, resolve: { conditions: ['workerd', 'worker', 'browser'] } },
}

for (const [name, ssr] of Object.entries(builds)) {
  await build({
    configFile: false,
    root: import.meta.dirname,
    logLevel: 'error',
    ssr,
    build: {
      ssr: 'call.mjs',
      outDir: 'out',
      emptyOutDir: false,
      rolldownOptions: { output: { entryFileNames: `vite-${name}.mjs` } },
    },
  })
}
