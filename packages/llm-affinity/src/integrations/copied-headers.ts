// Some clients make a redirected request of the headers that the one before it had in the end, ours included: superagent does.
// So a request whose answer is a redirect does not show what was written into it. The next request is stamped by its own origin.

type Method = (this: unknown, ...args: never[]) => unknown

/** A header that was written: its value, and the caller's, if there was one. */
export interface Written {
  readonly value: string
  readonly before: unknown
}

/** Hides headers of a request of node:http that was sent, and shows what the caller had set in their place. */
export function hideHeaders(request: object, written: ReadonlyMap<string, Written>): void {
  const own = method(request, 'getHeader')
  const ours = (name: unknown): Written | undefined => {
    const found = written.get(String(name).toLowerCase())
    return found !== undefined && own.call(request, name as never) === found.value ? found : undefined
  }
  const isHidden = (name: unknown): boolean => {
    const found = ours(name)
    return found !== undefined && found.before === undefined
  }
  replace(request, 'getHeader', (get) => (name: unknown) => {
    const found = ours(name)
    return found === undefined ? get(name) : found.before
  })
  replace(request, 'hasHeader', (has) => (name: unknown) => !isHidden(name) && has(name))
  for (const list of ['getHeaderNames', 'getRawHeaderNames']) {
    replace(request, list, (get) => () => [get()].flat().filter((name) => !isHidden(name)))
  }
  replace(request, 'getHeaders', (get) => () => {
    const all: object = Object(get())
    for (const name of Object.keys(all)) {
      const found = ours(name)
      if (found?.before !== undefined) Reflect.set(all, name, found.before)
      else if (found !== undefined) Reflect.deleteProperty(all, name)
    }
    return all
  })
}

function replace(
  request: object,
  name: string,
  by: (original: (...args: unknown[]) => unknown) => (...args: unknown[]) => unknown,
): void {
  const original = method(request, name)
  const value = by((...args) => Reflect.apply(original, request, args))
  Reflect.defineProperty(request, name, { value, configurable: true, writable: true })
}

function method(request: object, name: string): Method {
  const found: unknown = Reflect.get(request, name)
  return typeof found === 'function' ? (found as Method) : () => undefined
}
