import { affinityFetch, runWithSession } from 'llm-affinity'
import { expect, it } from 'vitest'
import { caddy } from './programs/caddy.ts'
import { describeProgram } from './support/describe.ts'
import { startFleet } from './support/fleet.ts'
import { placesOf } from './support/places.ts'
import type { StartOptions } from './support/program.ts'

// What docs/gateways/caddy.md says goes wrong.
describeProgram(caddy, () => {
  it('keeps a session on a backend that is dead, unless it is told to remember failures', async () => {
    const statusesWith = async (options?: StartOptions): Promise<number[]> => {
      await using fleet = await startFleet(caddy, options)
      const [place = ''] = await placesOf(fleet.origin, ['conversation-42'], { gateway: 'caddy' })
      await fleet.replicas.find(({ origin }) => origin.endsWith(place))?.close()
      const send = affinityFetch({ gateway: 'caddy' })
      const statuses: number[] = []
      for (let call = 0; call < 3; call++) {
        const response = await runWithSession('conversation-42', () => send(`${fleet.origin}/v1/models`))
        await response.body?.cancel()
        statuses.push(response.status)
      }
      return statuses
    }
    expect(await statusesWith({ edit: (config) => config.replace(/fail_duration .*/, '') })).toEqual([502, 502, 502])
    expect(await statusesWith()).toEqual([502, 200, 200])
  })
})
