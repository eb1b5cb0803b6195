import { defineConfig } from 'tsup'

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/gateways.ts',
    'src/instrument.ts',
    'src/langchain.ts',
    'src/otel.ts',
    'src/undici.ts',
    'src/usage.ts',
    'src/session/async-context.ts',
    'src/session/async-context.none.ts',
    'src/session/async-context.workerd.ts',
  ],
  format: 'esm',
  target: 'es2023',
  platform: 'neutral',
  // One chunk holds the scope and the session, so that every entry speaks of the same ones.
  splitting: true,
  external: [/^node:/, '#async-context', '@opentelemetry/api'],
  sourcemap: true,
  clean: true,
  silent: true,
  // tsup would write 'async_hooks', which Deno and Workers do not know.
  removeNodeProtocol: false,
  // The compiler writes the declarations: tsup 9 cannot with TypeScript 7.
  dts: false,
})
