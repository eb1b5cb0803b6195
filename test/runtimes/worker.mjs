// For Workers: one case a request.

import { clientCases } from './clients.mjs'
import { cases } from './probe.mjs'

const all = { ...cases, ...clientCases }

export default {
  async fetch(request) {
    const { name, args } = await request.json()
    try {
      return Response.json({ result: (await all[name](args)) ?? null })
    } catch (error) {
      return Response.json({ error: String(error?.stack ?? error) })
    }
  },
}
