// Completes the CommonJS build of a package: it gets the declarations of the ESM build, and a package.json, by which Node and
// the compiler read both as CommonJS.

import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

// pnpm runs a package's scripts in its folder.
const to = 'dist/cjs'

for (const path of globSync('**/*.d.ts', { cwd: 'dist', exclude: ['cjs'] })) {
  mkdirSync(dirname(`${to}/${path}`), { recursive: true })
  copyFileSync(`dist/${path}`, `${to}/${path}`)
}
writeFileSync(`${to}/package.json`, '{ "type": "commonjs" }\n')

// What loads CommonJS, such as Jest, may not know `imports` of package.json, and always has node:async_hooks.
const context = `${to}/session/context.js`
writeFileSync(context, readFileSync(context, 'utf8').replace('"#async-context"', '"./async-context.js"'))
