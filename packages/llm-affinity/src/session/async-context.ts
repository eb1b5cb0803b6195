// For runtimes that always have this module. The conditions in package.json select this file or one of its variants.
export { AsyncLocalStorage } from 'node:async_hooks'
