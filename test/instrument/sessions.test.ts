import { describe, expect } from 'vitest'
import { currentNodes, nodes, reachOn } from './table.ts'
import { describeNodes, expectKeys, itIsTrueOf, useWorld } from './world.ts'

const CONVERSATIONS = 20
const TURNS = 2
const WHAT = { all: 'the right key', some: 'the right key or none', none: 'no key' }

const world = useWorld()

describe(`instrument, ${CONVERSATIONS} conversations at once`, () => {
  describeNodes(nodes, (node) => {
    for (const client of node.clients) {
      const reach = reachOn(node, client, client.waitsOverTLS === true)
      itIsTrueOf(node, client, `${WHAT[reach]} on each turn, none on other calls and at another host`, async () => {
        const pairs = [client.tlsOnly ? undefined : world.http, world.https].filter((pair) => pair !== undefined)
        const program = world.start(node)
        const names: string[] = []
        const make = async (base: string): Promise<void> => {
          const as = `client ${names.length}`
          names.push(as)
          await program.run('make', { client: client.name, base: `${base}/plain`, as })
        }
        // A client that is older than instrument, one that is younger, and one that calls another host.
        for (const { origin } of pairs) await make(origin)
        await program.run('instrument', { origins: pairs.map(({ origin }) => origin) })
        for (const { origin, foreignOrigin } of pairs) {
          await make(origin)
          await make(foreignOrigin)
        }
        await program.run('converse', { names, conversations: CONVERSATIONS, turns: TURNS })
        for (const [i, pair] of pairs.entries()) {
          expectKeys(pair, reachOn(node, client, pair === world.https))
          // Turns and side calls of two clients, and calls outside of any session by the first client of all.
          expect(pair.home.received).toHaveLength(CONVERSATIONS * (TURNS * 2 * 2 + (i === 0 ? 1 : 0)))
          expect(pair.foreign.received).toHaveLength(CONVERSATIONS * TURNS * 2)
        }
      })
    }
  })
})

describe('instrument, calls that are made again', () => {
  describeNodes(currentNodes, (node) => {
    for (const client of node.clients.filter(({ retries }) => retries)) {
      itIsTrueOf(node, client, `${WHAT[client.reach]} on both attempts after a 503`, async () => {
        const { http } = world
        const program = world.start(node)
        await program.run('instrument', { origins: [http.origin] })
        await program.run('make', { client: client.name, base: `${http.origin}/flaky` })
        await program.run('converse', { conversations: CONVERSATIONS, turns: 1 })
        expectKeys(http, client.reach)
        expect(http.home.received).toHaveLength(CONVERSATIONS * 3 * 2)
      })
    }
  })
})
