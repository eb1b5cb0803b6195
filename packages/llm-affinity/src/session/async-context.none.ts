/** Nothing is imported: a bundle for a browser has no `node:async_hooks`. What the runtime offers is found at use. */
export const AsyncLocalStorage: undefined = undefined
