import { fileURLToPath } from 'node:url'

// Where node_modules is. Next would take the next folder above that has a lock file.
const root = fileURLToPath(new URL('..', import.meta.url))

export default { outputFileTracingRoot: root, turbopack: { root } }
