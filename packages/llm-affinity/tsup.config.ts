import { defineConfig, type Options } from 'tsup'

const entries = [
  'src/index.ts',
  'src/gateways.ts',
  'src/instrument.ts',
  'src/langchain.ts',
  'src/learned.ts',
  'src/otel.ts',
  'src/server.ts',
  'src/undici.ts',
  'src/usage.ts',
]

const common: Options = {
  target: 'es2023',
  platform: 'neutral',
  silent: true,
  // tsup would write 'async_hooks', which Deno and Workers do not know.
  removeNodeProtocol: false,
  // The compiler writes the declarations: tsup 9 cannot with TypeScript 7.
  dts: false,
}

export default defineConfig([
  {
    ...common,
    entry: [
      ...entries,
      'src/session/async-context.ts',
      'src/session/async-context.none.ts',
      'src/session/async-context.workerd.ts',
    ],
    format: 'esm',
    // One chunk holds the scope and the session, so that all entries share them.
    splitting: true,
    external: [/^node:/, '#async-context', '@opentelemetry/api'],
    sourcemap: true,
    esbuildOptions: (options) => {
      // The sources themselves are in the package.
      options.sourcesContent = false
    },
  },
  {
    ...common,
    // File by file: esbuild does not split CommonJS.
    entry: ['src/**/*.ts', '!src/session/async-context.*.ts'],
    bundle: false,
    outDir: 'dist/cjs',
    format: 'cjs',
    // The folder has a package.json of its own, with type "commonjs".
    outExtension: () => ({ js: '.js' }),
  },
])
