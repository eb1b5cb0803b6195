// What the tests of `instrument` do on every Node. A client is kept under a name, so that it may be older than `instrument`.

import dns from 'node:dns'
import { patchGlobalFetch, runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { instrument } from 'llm-affinity/instrument'
import { answerLines } from '../runtimes/lines.mjs'
import { httpClients } from './clients.mjs'
import { sdkClients } from './sdks.mjs'

// Names of other hosts, not only other ports, for every client: all of them ask this function.
const { lookup } = dns
dns.lookup = (host, ...args) => lookup(host.endsWith('.test') ? '127.0.0.1' : host, ...args)

const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const times = (count, fn) => Promise.all(Array.from({ length: count }, (_, i) => fn(i)))

const all = { ...httpClients, ...sdkClients }
const clients = new Map()
const undos = new Map()
const outcomes = []

function onOutcome({ session, status, result, backend }) {
  outcomes.push({ id: session.id, status, result, backend: backend ?? null })
}

await answerLines({
  async make({ client, base, as = 'client' }) {
    clients.set(as, await all[client](base))
  },

  instrument({ as = 'instrument', listens, session, ...options }) {
    if (session !== undefined) options.session = new Session(session)
    if (listens) options.onOutcome = onOutcome
    undos.set(as, instrument(options))
  },
  patch: (options) => undos.set('patch', patchGlobalFetch(options)) && null,
  undo: ({ as = 'instrument' } = {}) => undos.get(as)(),

  /** What a mistake at set-up throws. */
  mistake({ args }) {
    try {
      instrument(...args)
      return null
    } catch (error) {
      return { name: error.name, message: error.message }
    }
  },

  /** Conversations at once, each with side calls between its turns, beside calls that belong to none. */
  async converse({ names = ['client'], conversations = 50, turns = 2 }) {
    const senders = names.map((name) => clients.get(name))
    const talk = async (i) => {
      for (let turn = 0; turn < turns; turn++) {
        for (const send of senders) {
          await rest((i * 7 + turn * 3) % 11)
          // Both at once: a queue of a client holds them side by side.
          await Promise.all([send(`conversation-${i}`), runWithoutSession(() => send(`side-${i}`))])
        }
      }
    }
    await Promise.all([
      times(conversations, (i) => runWithSession(`conversation-${i}`, () => talk(i))),
      times(conversations, (i) => rest(i % 11).then(() => senders[0](`outside-${i}`))),
    ])
  },

  /** One call after another in one conversation. */
  async turns({ id, headers, count = 1, name = 'client' }) {
    const statuses = []
    const send = clients.get(name)
    const turn = async () => statuses.push(await send(id, headers))
    for (let i = 0; i < count; i++) await (id.startsWith('conversation') ? runWithSession(id, turn) : turn())
    return statuses
  },

  outcomes: () => outcomes.splice(0),
})
