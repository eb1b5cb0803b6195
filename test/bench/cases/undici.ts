import { runWithSession } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import { Agent, type Dispatcher, request } from 'undici'
import type { Arm, Experiment } from '../pairs.ts'
import { type ByHand, checkArms, handWritten, inFlight, startServer } from './shared.ts'

const CONNECTIONS = 8
const body = JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'Hello?' }] })
const own = { 'content-type': 'application/json', authorization: 'Bearer test' }

type Post = (extra?: ByHand) => Promise<string>

export function posting(origin: string, wrap?: (agent: Agent) => Dispatcher): Post {
  const agent = new Agent({ connections: CONNECTIONS })
  const dispatcher = wrap?.(agent) ?? agent
  return async (extra) => {
    const headers = { ...own, ...extra }
    const answer = await request(`${origin}/v1/chat/completions`, { method: 'POST', dispatcher, headers, body })
    return answer.body.text()
  }
}

export function bareArm(origin: string): Arm {
  const post = posting(origin)
  return inFlight(() => post())
}

export function ourArm(origin: string): Arm {
  const post = posting(origin, (agent) => agent.compose(affinityInterceptor({ origins: origin })))
  return inFlight(({ session }) => runWithSession(session, () => post()))
}

export async function undiciInScope(): Promise<Experiment> {
  const { origin, seen, close } = await startServer()
  const post = posting(origin)
  const arms = {
    bare: inFlight(() => post()),
    'by hand': inFlight(({ id }) => post(handWritten(id))),
    ours: ourArm(origin),
    // What any interceptor costs, and any scope: the part of ours that is not ours.
    'scope and an empty interceptor': scopeAlone(origin),
    again: inFlight(() => post()),
  }
  const sent = { bare: '', 'by hand': 'key', ours: 'key', 'scope and an empty interceptor': '', again: '' } as const
  await checkArms(arms, sent, seen)
  return {
    arms,
    figures: [
      { name: 'undici-in-scope', of: 'ours', to: 'by hand' },
      { name: 'undici-bare', of: 'ours', to: 'bare' },
      { name: 'undici-by-hand-bare', of: 'by hand', to: 'bare' },
      { name: 'undici-empty-bare', of: 'scope and an empty interceptor', to: 'bare' },
      { name: 'undici-noise', of: 'again', to: 'bare' },
    ],
    close,
  }
}

function scopeAlone(origin: string): Arm {
  const post = posting(origin, (agent) => agent.compose((dispatch) => (options, handler) => dispatch(options, handler)))
  return inFlight(({ session }) => runWithSession(session, () => post()))
}
