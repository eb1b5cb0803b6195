import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** What "." adds to somebody's bundle: minified, gzip at its best. */
export async function gzipBytes(): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(import.meta.resolve('llm-affinity'))],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    write: false,
  })
  const [bundle] = outputFiles
  if (bundle === undefined) throw new Error('esbuild wrote nothing')
  return gzipSync(bundle.contents, { level: 9 }).length
}
