import { runWithSession } from 'llm-affinity'
import { redirectTo } from 'llm-affinity-testkit'
import { describe, expect, it } from 'vitest'
import { recorder } from '../support/recorder.ts'
import { seams } from '../support/seams.ts'
import { keysAt } from '../support/wire.ts'

const home = await recorder()
const foreign = await recorder()
const COUNT = 40

describe.each(seams.filter((seam) => seam.redirects))('$name', (seam) => {
  it('sends no key to another origin when many calls of one session are redirected there at once', async () => {
    home.script(Array.from({ length: COUNT }, () => redirectTo(`${foreign.origin}/away`)))
    const connection = seam.connect(home.origin, {})
    const calls = Array.from({ length: COUNT }, () => runWithSession('conversation-42', () => connection.call()))
    // What stands at the end is no answer that an SDK understands.
    await Promise.allSettled(calls)
    await connection.close()
    expect(new Set(keysAt(home))).toEqual(new Set(['conversation-42']))
    expect(foreign.received).toBeGreaterThanOrEqual(COUNT)
    expect(new Set(keysAt(foreign))).toEqual(new Set([undefined]))
  })
})
