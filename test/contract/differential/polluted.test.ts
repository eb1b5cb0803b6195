import type { Around } from './compare.ts'
import { differential } from './differential.ts'

// What a careless library has left on every object. An init without these members has them all the same.
const POLLUTIONS: Readonly<Record<string, unknown>> = {
  method: 'PUT',
  redirect: 'manual',
  headers: { 'x-polluted': '1' },
  body: 'polluted',
  referrer: '',
  keepalive: true,
  polluted: 'polluted',
}

/** Sets one for as long as the fetch runs in the scope of its caller, which is when an init is read. */
const polluted =
  (name: string, value: unknown): Around =>
  (send) =>
  (...args) => {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true })
    try {
      return send(...args)
    } finally {
      Reflect.deleteProperty(Object.prototype, name)
    }
  }

for (const [name, value] of Object.entries(POLLUTIONS)) {
  differential("the platform's", {
    calls: 80,
    title: `with Object.prototype.${name}`,
    around: polluted(name, value),
    // Gateways without a body field seem to have one, so that nothing is stamped there.
    ...(name === 'body' && { stamped: 0 }),
  })
}
