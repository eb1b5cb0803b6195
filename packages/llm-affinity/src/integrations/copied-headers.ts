// Some clients make a redirected request of the headers that the one before it had in the end, ours included: superagent does.
// So a request whose answer is a redirect does not show what was written into it. The next request is stamped by its own origin.

type Method = (this: unknown, ...args: never[]) => unknown

/** Hides headers of a request of node:http that was sent. Those that were replaced since are shown. */
export function hideHeaders(request: object, written: ReadonlyMap<string, string>): void {
  const own = method(request, 'getHeader')
  const isHidden = (name: unknown): boolean => {
    const value = written.get(String(name).toLowerCase())
    return value !== undefined && own.call(request, name as never) === value
  }
  replace(request, 'getHeader', (get) => (name: unknown) => (isHidden(name) ? undefined : get(name)))
  replace(request, 'hasHeader', (has) => (name: unknown) => !isHidden(name) && has(name))
  for (const list of ['getHeaderNames', 'getRawHeaderNames']) {
    replace(request, list, (get) => () => [get()].flat().filter((name) => !isHidden(name)))
  }
  replace(request, 'getHeaders', (get) => () => {
    const all: object = Object(get())
    for (const name of Object.keys(all)) if (isHidden(name)) Reflect.deleteProperty(all, name)
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
