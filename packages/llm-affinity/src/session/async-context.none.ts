/** Not imported: a bundle for a browser has no `node:async_hooks`. The runtime's own class is looked up at use. */
export const AsyncLocalStorage: undefined = undefined
