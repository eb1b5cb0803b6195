const said = new Set<string>()

/**
 * Says `message` once a process (and a copy of this package). Messages never hold an id, a key or a URL. It never throws:
 * the `process` of a sandbox may, when it is used.
 */
export function warnOnce(message: string): void {
  if (said.has(message)) return
  said.add(message)
  const warning = `llm-affinity: ${message}`
  try {
    process.emitWarning(warning)
  } catch {
    console.warn(warning)
  }
}
