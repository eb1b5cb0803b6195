// Writes what was learned into a request, and removes it again.

import { changedHeaders, isIn, stampHeaders } from '../stamping/request-headers.js'

/** What goes into one request. */
export interface GiveBack {
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** `name=value`. */
  readonly cookies: readonly string[]
}

/** Fetch headers with what is given back. The caller's own headers, and its own cookies, stay as they are. */
export function withGivenBack(given: RequestInit['headers'], { headers, cookies }: GiveBack): RequestInit['headers'] {
  let all = given
  for (const [name, value] of headers) all = stampHeaders(all, { names: [name], key: value, parent: undefined }) ?? all
  if (cookies.length === 0) return all
  const own = new Headers(all).get('cookie') ?? undefined
  const cookie = joined(own, cookies)
  if (cookie === own) return all
  // There may be several.
  const rest = own === undefined ? all : changedHeaders(all, ['cookie'])
  return stampHeaders(rest, { names: ['cookie'], key: cookie, parent: undefined }) ?? all
}

/** The same, header by header. */
export function giveBack(
  { headers, cookies }: GiveBack,
  get: (name: string) => unknown,
  set: (name: string, value: string) => void,
): void {
  for (const [name, value] of headers) if (get(name) === undefined || get(name) === null) set(name, value)
  if (cookies.length === 0) return
  const given = get('cookie')
  const own = given === undefined || given === null ? undefined : [given].flat().join('; ')
  const cookie = joined(own, cookies)
  if (cookie !== own) set('cookie', cookie)
}

/** Removes from the raw headers of a request what was given back in it. */
export function removeGivenBack(raw: unknown[], { headers, cookies }: GiveBack): void {
  for (let i = raw.length - 2; i >= 0; i -= 2) {
    const isOurs = headers.some(([name, value]) => isIn([name], raw[i]) && String(raw[i + 1]).includes(value))
    if (isOurs) raw.splice(i, 2)
    else if (cookies.length > 0 && isIn(['cookie'], raw[i])) {
      const kept = String(raw[i + 1])
        .split(';')
        .map((each) => each.trim())
        .filter((each) => !cookies.includes(each))
      if (kept.length === 0) raw.splice(i, 2)
      else raw[i + 1] = kept.join('; ')
    }
  }
}

function joined(own: string | undefined, cookies: readonly string[]): string {
  const names = new Set(own?.split(';').map((each) => nameIn(each)))
  const added = cookies.filter((each) => !names.has(nameIn(each)))
  return [...(own ? [own] : []), ...added].join('; ')
}

function nameIn(cookie: string): string {
  return cookie.split('=', 1)[0]?.trim() ?? ''
}
