const warned = new Set<string>()

/**
 * Emits a warning once per process (and per copy of this package). Messages must not contain an id, a key or a URL. It never
 * throws, although the `process` of a sandbox may.
 */
export function warnOnce(message: string): void {
  if (warned.has(message)) return
  warned.add(message)
  const warning = `llm-affinity: ${message}`
  try {
    process.emitWarning(warning)
  } catch {
    console.warn(warning)
  }
}
