/**
 * A built-in module of Node, or undefined where this runtime has no such module. It never throws: some sandboxes have a
 * `process.getBuiltinModule` that does. Nothing is imported, so a bundle for a browser needs no stub.
 *
 * @param name With its prefix: `node:diagnostics_channel`.
 */
export function builtin<Module extends object>(name: string): Partial<Module> | undefined {
  try {
    return globalThis.process?.getBuiltinModule?.(name)
  } catch {
    return undefined
  }
}
