import type { GatewayName } from 'llm-affinity'
import { expect, it } from 'vitest'
import { haproxy } from './programs/haproxy.ts'
import { describeProgram } from './support/describe.ts'
import { startFleet } from './support/fleet.ts'
import { placesOf } from './support/places.ts'

// What docs/gateways/haproxy.md says goes wrong.
describeProgram(haproxy, () => {
  it('moves the sessions of a server that is lost, and without `consistent` many others too', async () => {
    const ids = Array.from({ length: 60 }, (_, at) => `conversation-${at}`)
    const movedWith = async (edit: (config: string) => string): Promise<number> => {
      await using fleet = await startFleet(haproxy, { edit })
      const before = await placesOf(fleet.origin, ids, { gateway: 'haproxy' })
      const lost = new URL(fleet.replica('C').origin).host
      const orphan = ids[before.indexOf(lost)] ?? ''
      await fleet.replica('C').close()
      // The first call that cannot be served there is what tells HAProxy.
      await placesOf(fleet.origin, [orphan], { gateway: 'haproxy' })
      const after = await placesOf(fleet.origin, ids, { gateway: 'haproxy' })
      expect(before).toContain(lost)
      expect(after).not.toContain(lost)
      return before.filter((place, at) => place !== lost && place !== after[at]).length
    }
    expect(await movedWith((config) => config)).toBe(0)
    expect(await movedWith((config) => config.replace('hash-type consistent', ''))).toBeGreaterThan(ids.length / 6)
  })

  it('puts ids that share 32 characters together in a stick-table without `len`, but not ours', async () => {
    const ids = Array.from({ length: 12 }, (_, at) => `one-and-the-same-user-of-one-tenant-conversation-${at}`)
    const placesWith = async (type: string, gateway: GatewayName): Promise<Set<string>> => {
      const table = `balance roundrobin\n  stick-table ${type} size 10k expire 1h\n  stick on hdr(X-Session-Id)`
      const edit = (config: string): string => config.replace(/balance hdr.*\n {2}hash-type consistent/, table)
      await using fleet = await startFleet(haproxy, { edit })
      const places = await placesOf(fleet.origin, ids, { gateway })
      expect(await placesOf(fleet.origin, ids, { gateway }), 'the table pins').toEqual(places)
      return new Set(places)
    }
    expect((await placesWith('type string', 'generic')).size).toBe(1)
    expect((await placesWith('type string len 64', 'generic')).size).toBe(3)
    expect((await placesWith('type string', 'haproxy')).size).toBe(3)
  })
})
