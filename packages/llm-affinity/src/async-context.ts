// The runtimes that have async context. Which file stands behind `#async-context` is decided by the export
// conditions in package.json, because a static `node:async_hooks` breaks a browser's build.
export { AsyncLocalStorage } from 'node:async_hooks'
