// esbuild's builds of call.mjs.

import { build } from 'esbuild'

for (const platform of ['node', 'browser', 'neutral']) {
  const { warnings } = await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: ['call.mjs'],
    outfile: `out/esbuild-${platform}.mjs`,
    bundle: true,
    format: 'esm',
    platform,
  })
  if (warnings.length > 0) throw new Error(JSON.stringify(warnings))
}
