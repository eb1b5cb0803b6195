import { expect, it } from 'vitest'
import { against, doctor } from './support/doctor.ts'
import { setups } from './support/setups.ts'

for (const setup of setups) {
  const { title, args = [], verdict, code, program } = setup
  it.skipIf(program !== undefined && program.find() === undefined)(
    `${title}: ${verdict}`,
    { timeout: 300_000 },
    async () => {
      await using stack = new AsyncDisposableStack()
      const told = await doctor(against(await setup.start(stack), ...args))
      const json = told.json()
      if (json.verdict !== verdict) console.log(title, told.stdout)
      console.log(
        `${title}: ${json.verdict} in ${told.seconds.toFixed(1)} s, ${json.spent.calls} calls, ${json.spent.tokens} tokens by ${json.backendsBy} gw ${JSON.stringify(json.gateway)}`,
      )
      expect(json).toMatchObject({ verdict, exitCode: code })
      expect(told.code).toBe(code)
      expect(told.seconds).toBeLessThan(60)
    },
  )
}
