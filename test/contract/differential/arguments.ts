// Makes the arguments of a call from the names of its values: the object that holds the members, and the input.

import { members } from './members.ts'
import { ABSENT, type Kit } from './values.ts'

export type Recipe = Readonly<Record<string, string>>

type Members = Record<string, unknown>

class Getters {
  readonly #of: Members
  constructor(of: Members) {
    this.#of = of
  }
  get method(): unknown {
    return this.#of.method
  }
  get headers(): unknown {
    return this.#of.headers
  }
  get body(): unknown {
    return this.#of.body
  }
  get duplex(): unknown {
    return this.#of.duplex
  }
}

const empty =
  (of: object): (() => unknown) =>
  () =>
    of

/** The object that holds the members of the init. */
export const inits: Readonly<Record<string, (of: Members, kit: Kit) => unknown>> = {
  plain: (of) => of,
  'without a prototype': (of) => Object.assign(Object.create(null), of),
  inherited: (of) => Object.create(of),
  'inherited twice': (of) => Object.create(Object.create(of)),
  'half inherited': ({ headers, ...of }) => Object.assign(Object.create(of), headers === undefined ? {} : { headers }),
  'not enumerable': (of) =>
    Object.defineProperties({}, Object.fromEntries(Object.entries(of).map(([name, value]) => [name, { value }]))),
  frozen: (of) => Object.freeze(of),
  getters: (of) => new Getters(of),
  'getters that work once': (of) => {
    const read = new Set<string>()
    const once = (name: string): PropertyDescriptor => ({
      enumerable: true,
      get: () => {
        if (read.has(name)) throw new RangeError(`${name} was read twice`)
        read.add(name)
        return of[name]
      },
    })
    return Object.defineProperties({}, Object.fromEntries(Object.keys(of).map((name) => [name, once(name)])))
  },
  'a getter that throws': (of) =>
    Object.defineProperty({ ...of }, 'headers', {
      enumerable: true,
      get: () => {
        throw new RangeError('mine')
      },
    }),
  'a Proxy': (of) => new Proxy(of, {}),
  'a Proxy that only gets': (of) => new Proxy({}, { get: (_, name) => of[String(name)] }),
  'a function': (of) => Object.defineProperties(() => {}, Object.getOwnPropertyDescriptors(of)),
  'a list': (of) => Object.assign([], of),
  'a Map': (of) => Object.assign(new Map(), of),
  'a Request': (of, { maker, home, id }) => new maker.Request(`${home}/${id}/init`, of),
  null: () => null,
  undefined: () => undefined,
  'a number': () => 3,
  'a string': () => 'abc',
  'a symbol': () => Symbol('init'),
}

const at = ({ home, id }: Kit): string => `${home}/${id}/v1/chat/completions`

/** The arguments: the input, and the init or nothing. */
export const inputs: Readonly<Record<string, (kit: Kit, init: unknown) => unknown[]>> = {
  string: (kit, init) => [at(kit), init],
  'string alone': (kit) => [at(kit)],
  URL: (kit, init) => [new URL(at(kit)), init],
  'URL with a fragment': (kit, init) => [new URL(`${at(kit)}?a=b#there`), init],
  Request: (kit, init) => [new kit.maker.Request(at(kit), init as object)],
  'Request and init': (kit, init) => [new kit.maker.Request(at(kit), { headers: { 'x-of': 'request' } }), init],
  'Request with a body, and init': (kit, init) => [
    new kit.maker.Request(at(kit), { method: 'POST', body: '{"of":"request"}', headers: { 'X-Of': 'request' } }),
    init,
  ],
  'used Request': (kit, init) => {
    const request = new Request(at(kit), init as RequestInit)
    request.text().catch(() => {})
    return [request]
  },
  "the platform's Request": (kit, init) => [new Request(at(kit), init as RequestInit)],
  'subclass of Request': (kit, init) => [new (class extends kit.maker.Request {})(at(kit), init as object)],
  'Proxy of a Request': (kit, init) => [new Proxy(new kit.maker.Request(at(kit)), {}), init],
  'object like a Request': (kit, init) => [{ url: at(kit), headers: { a: '1' }, method: 'POST' }, init],
  'object like a URL': (kit, init) => [{ href: at(kit) }, init],
  String: (kit, init) => [new String(at(kit)), init],
  'object with toString': (kit, init) => [{ toString: () => at(kit) }, init],
  'object whose toString counts': (kit, init) => {
    let reads = 0
    return [{ toString: () => `${at(kit)}?${reads++}` }, init]
  },
  'list of one': (kit, init) => [[at(kit)], init],
  'upper case': (kit, init) => [at(kit).replace('http', 'HTTP'), init],
  'spaces around': (kit, init) => [` ${at(kit)}\n`, init],
  userinfo: (kit, init) => [at(kit).replace('//', '//user:secret@'), init],
  'odd path': ({ home, id }, init) => [`${home}/${id}/ü/a b/../%zz?ä=😀`, init],
  relative: ({ id }, init) => [`/${id}/v1/chat/completions`, init],
  'bad URL': (_kit, init) => ['http://[::', init],
  'bad port': ({ id }, init) => [`http://127.0.0.1:6000/${id}/`, init],
  'refused port': ({ id }, init) => [`http://127.0.0.1:2/${id}/`, init],
  data: (_kit, init) => ['data:text/plain,hi', init],
  ftp: ({ id }, init) => [`ftp://127.0.0.1/${id}`, init],
  blank: (_kit, init) => ['about:blank', init],
  nothing: () => [],
  undefined: (_kit, init) => [undefined, init],
  null: (_kit, init) => [null, init],
  number: (_kit, init) => [3, init],
  symbol: (_kit, init) => [Symbol('input'), init],
  'third argument': (kit, init) => [at(kit), init, 'more'],
}

/** @throws The error of the maker's Request, where that does not accept the init. */
export function argumentsOf(recipe: Recipe, kit: Kit): unknown[] {
  const given: Members = {}
  for (const [name, values] of Object.entries(members)) {
    const value = values[recipe[name] ?? '']?.(kit)
    if (value !== ABSENT && value !== undefined) given[name] = value
    else if (recipe[name] === 'undefined') given[name] = undefined
  }
  const init = inits[recipe.init ?? ''] ?? empty({})
  const input = inputs[recipe.input ?? '']
  if (input === undefined) throw new Error('an input')
  return input(kit, init(given, kit))
}
