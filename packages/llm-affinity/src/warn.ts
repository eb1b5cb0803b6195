const said = new Set<string>()

/** Says `message` once a process (and a copy of this package). Messages never hold an id, a key or a URL. */
export function warnOnce(message: string): void {
  if (said.has(message)) return
  said.add(message)
  const warning = `llm-affinity: ${message}`
  if (typeof process === 'object' && typeof process.emitWarning === 'function') process.emitWarning(warning)
  else console.warn(warning)
}
