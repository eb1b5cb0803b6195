import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/vitest.ts'],
  format: 'esm',
  target: 'es2023',
  platform: 'node',
  sourcemap: true,
  clean: true,
  silent: true,
  // The compiler writes the declarations: tsup 9 cannot with TypeScript 7.
  dts: false,
})
