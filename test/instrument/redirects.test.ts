import { describe, expect } from 'vitest'
import { nodes, reachOn } from './table.ts'
import { describeNodes, expectKeys, itIsTrueOf, useWorld } from './world.ts'

const STATUSES = [301, 302, 303, 307, 308]
const CONVERSATIONS = 5

const world = useWorld()

/** The address of a base URL that answers with a redirect. */
function redirecting(from: string, status: number, to: string): string {
  return `${from}/${status}/${encodeURIComponent(to)}`
}

describe('instrument, redirects', () => {
  describeNodes(nodes, (node) => {
    for (const client of node.clients.filter(({ redirects }) => redirects)) {
      itIsTrueOf(node, client, 'the key on hops of the same origin and on no hop to another', async () => {
        const pairs = [world.http, world.https].filter((pair) => pair !== undefined)
        const program = world.start(node)
        await program.run('instrument', { origins: pairs.flatMap(({ origin, loopback }) => [origin, loopback]) })
        const names: string[] = []
        for (const { origin, foreignOrigin, loopback, foreignLoopback } of pairs) {
          // To the same origin, to another host, and to another port of the same address.
          const routes = [
            [origin, origin],
            [origin, foreignOrigin],
            [loopback, foreignLoopback],
          ] as const
          for (const status of STATUSES) {
            for (const [from, to] of routes) {
              const as = `${status} ${from} ${to}`
              names.push(as)
              await program.run('make', { client: client.name, base: redirecting(from, status, to), as })
            }
          }
        }
        await program.run('converse', { names, conversations: CONVERSATIONS, turns: 1 })
        for (const [i, pair] of pairs.entries()) {
          expectKeys(pair, reachOn(node, client, pair === world.https))
          // Turns and side calls over all routes, and calls outside of any session over the first route of all.
          expect(pair.home.received).toHaveLength(CONVERSATIONS * (STATUSES.length * 4 * 2 + (i === 0 ? 2 : 0)))
          expect(pair.foreign.received).toHaveLength(CONVERSATIONS * STATUSES.length * 2 * 2)
        }
      })
    }
  })
})
