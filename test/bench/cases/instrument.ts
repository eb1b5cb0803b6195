// Every request of the process, by diagnostics channels, to the header written by hand. The server has two names, and only
// one is instrumented: the other's requests show what those cost that are not ours.

import { runWithSession } from 'llm-affinity'
import { instrument } from 'llm-affinity/instrument'
import { type Arm, againstByHand, type Experiment } from '../pairs.ts'
import { type ByHand, checkArms, handWritten, inFlight, startServer } from './shared.ts'
import { posting } from './undici.ts'

type Post = (extra?: ByHand) => Promise<string>

const body = JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'Hello?' }] })
const own = { 'content-type': 'application/json', authorization: 'Bearer test' }

const fetching =
  (origin: string): Post =>
  async (extra) => {
    const init = { method: 'POST', headers: { ...own, ...extra }, body }
    return (await fetch(`${origin}/v1/chat/completions`, init)).text()
  }

async function instrumented(name: string, postTo: (origin: string) => Post): Promise<Experiment> {
  const server = await startServer()
  const named = server.origin.replace('127.0.0.1', 'localhost')
  const undo = instrument({ origins: named })
  const byHand = (): Arm => {
    const post = postTo(server.origin)
    return inFlight(({ id }) => post(handWritten(id)))
  }
  const post = postTo(named)
  const arms = {
    'by hand': byHand(),
    ours: inFlight(({ session }) => runWithSession(session, () => post())),
    again: byHand(),
  }
  await checkArms(arms, { 'by hand': 'key', ours: 'key', again: 'key' }, server.seen)
  return {
    arms,
    figures: againstByHand(name),
    close: async () => {
      undo()
      await server.close()
    },
  }
}

export const instrumentFetch = (): Promise<Experiment> => instrumented('instrument-fetch', fetching)
export const instrumentUndici = (): Promise<Experiment> =>
  instrumented('instrument-undici', (origin) => posting(origin))
