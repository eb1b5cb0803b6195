import type { Around } from './compare.ts'
import { differential } from './differential.ts'

// Properties that a careless library has added to every object. Every init inherits these members.
const POLLUTIONS: Readonly<Record<string, unknown>> = {
  method: 'PUT',
  redirect: 'manual',
  headers: { 'x-polluted': '1' },
  body: 'polluted',
  referrer: '',
  keepalive: true,
  polluted: 'polluted',
}

/** Sets one for as long as the fetch runs synchronously, which is when it reads the init. */
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
    // Gateways without a body field then appear to have one, so nothing is stamped.
    ...(name === 'body' && { stamped: 0 }),
  })
}
