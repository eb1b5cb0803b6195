// Runtimes that always have this module. The export conditions in package.json choose this file or one of its twins.
export { AsyncLocalStorage } from 'node:async_hooks'
