/** Parses a URL; null if the text is not one. Some browsers and DOM test environments in use have no `URL.parse`. */
export function parseUrl(text: string, base?: string): URL | null {
  try {
    return new URL(text, base)
  } catch {
    return null
  }
}

/**
 * The origin that a request goes to, in the form of `URL.origin`: lower case, without a default port or a trailing slash.
 *
 * @param host The request's Host header, or a function that reads it. A `dns` interceptor replaces the host name by an address
 *   and keeps the name in this header, so the header counts where the origin is an address. Redirects drop it.
 */
export function originOf(origin: unknown, host?: unknown): string | undefined {
  const connected = canonical(origin)
  if (connected === undefined || host === undefined || !ADDRESS.test(connected)) return connected
  const name: unknown = typeof host === 'function' ? host() : host
  const named =
    typeof name === 'string' ? canonical(`${connected.slice(0, connected.indexOf(':'))}://${name}`) : connected
  // `dns` keeps the port. A header with another port was set by the caller, and does not show where the request goes.
  return named === undefined || portOf(named) === portOf(connected) ? named : connected
}

function portOf(origin: string): string | undefined {
  return PORT.exec(origin)?.[0]
}

function canonical(origin: unknown): string | undefined {
  if (typeof origin !== 'string') return origin instanceof URL ? origin.origin : undefined
  return CANONICAL.test(origin) ? origin : parseUrl(origin)?.origin
}

const CANONICAL = /^https?:\/\/(?:[a-z][a-z0-9.-]*|[0-9.]+)(?::(?!0|80$|443$)\d+)?$/
const PORT = /:\d+$/
const ADDRESS = /^https?:\/\/(\d+\.\d+\.\d+\.\d+|\[[\da-f:.]+\])(:\d+)?$/
