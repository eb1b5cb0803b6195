// webpack's builds of call.mjs.

import { join } from 'node:path'
import webpack from 'webpack'

for (const target of ['node', 'web', 'webworker']) {
  const compiler = webpack({
    mode: 'production',
    context: import.meta.dirname,
    entry: './call.mjs',
    target,
    output: { path: join(import.meta.dirname, 'out'), filename: `webpack-${target}.cjs` },
  })
  await new Promise((resolve, reject) => {
    compiler.run((error, stats) => {
      if (error) reject(error)
      else if (stats.hasErrors() || stats.hasWarnings()) reject(new Error(stats.toString('errors-warnings')))
      else compiler.close(resolve)
    })
  })
}
