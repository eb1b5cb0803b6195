/** A runtime without async context: only what is bound by `{ session }` works there. */
export const AsyncLocalStorage: undefined = undefined
