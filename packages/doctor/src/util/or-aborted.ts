/** Waits for a promise, or returns undefined when the signal aborts first: nothing outlives the run. */
export async function orAborted<T>(end: AbortSignal, waited: Promise<T> | undefined): Promise<T | undefined> {
  if (waited === undefined || end.aborted) return undefined
  const { promise: ended, resolve } = Promise.withResolvers<undefined>()
  const stop = (): void => resolve(undefined)
  end.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([waited, ended])
  } finally {
    end.removeEventListener('abort', stop)
  }
}
