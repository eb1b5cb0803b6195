import { expect, it } from 'vitest'
import { nginx } from '../gateways/programs/nginx.ts'
import { describeProgram } from '../gateways/support/describe.ts'
import { FAULTS } from './backends.ts'
import { failover } from './run.ts'
import { SET_UPS } from './set-ups.ts'

const size = { sessions: 60, atOnce: 60 }

// What `npm run failover` measures with a thousand sessions and all balancers.
describeProgram(nginx, () => {
  const setUp = SET_UPS.find(({ program }) => program === nginx)
  if (setUp === undefined) throw new Error('nginx is not among the set-ups')

  it.concurrent.each(FAULTS.filter((fault) => fault !== 'killed'))(
    'a backend that %s loses its sessions for good, and with `repin` most reach another one',
    { timeout: 120_000 },
    async (fault) => {
      const without = await failover(setUp, fault, false, size)
      expect(without).toMatchObject({ lost: without.touched, byNextTurn: 0, othersMoved: 0, othersLost: 0 })
      expect(without.touched).toBeGreaterThan(0)
      const repin = await failover(setUp, fault, true, size)
      // A new key is led to the same backend in one case of three, so that one session in nine is there at the third attempt.
      expect(repin.lost).toBeLessThan(repin.touched / 2)
      expect(repin.byNextTurn).toBeGreaterThan(repin.touched / 2)
      expect(repin).toMatchObject({ othersMoved: 0, othersLost: 0 })
    },
  )

  it('a backend that was killed is left by nginx itself', { timeout: 120_000 }, async () => {
    const found = await failover(setUp, 'killed', true, size)
    expect(found).toMatchObject({ lost: 0, byNextTurn: found.touched, othersMoved: 0, othersLost: 0 })
  })
})
