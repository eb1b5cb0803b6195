import { runWithSession } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import { Agent, type Dispatcher, request } from 'undici'
import type { Arm, Experiment } from '../pairs.ts'
import { openTelemetry } from './otel.ts'
import { type ByHand, checkArms, handWritten, inFlight, startServer } from './shared.ts'

const CONNECTIONS = 8
const body = JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'Hello?' }] })
const own = { 'content-type': 'application/json', authorization: 'Bearer test' }

interface Setup {
  readonly bare: Arm
  readonly byHand: Arm
  readonly ours: Arm
  readonly call: () => Promise<string>
  readonly seen: () => Promise<Headers>
  close(): Promise<void>
}

async function setUp(): Promise<Setup> {
  const server = await startServer()
  const url = `${server.origin}/v1/chat/completions`
  const agent = new Agent({ connections: CONNECTIONS })
  const composed = new Agent({ connections: CONNECTIONS }).compose(affinityInterceptor())
  const post = async (dispatcher: Dispatcher, extra?: ByHand): Promise<string> => {
    const answer = await request(url, { method: 'POST', dispatcher, headers: { ...own, ...extra }, body })
    return answer.body.text()
  }
  return {
    bare: inFlight(() => post(agent)),
    byHand: inFlight(({ id }) => post(agent, handWritten(id))),
    ours: inFlight(({ session }) => runWithSession(session, () => post(composed))),
    call: () => post(agent),
    seen: server.seen,
    close: async () => {
      await Promise.all([agent.close(), composed.close()])
      await server.close()
    },
  }
}

export async function undiciInScope(): Promise<Experiment> {
  const { bare, byHand, ours, seen, close } = await setUp()
  const arms = { bare, 'by hand': byHand, ours, again: bare }
  await checkArms(arms, { bare: '', 'by hand': 'key', ours: 'key', again: '' }, seen)
  return {
    arms,
    figures: [
      { name: 'undici-in-scope', of: 'ours', to: 'by hand' },
      { name: 'undici-bare', of: 'ours', to: 'bare' },
      { name: 'undici-noise', of: 'again', to: 'bare' },
    ],
    close,
  }
}

export async function otelUndici(): Promise<Experiment> {
  const { bare, ours, call, seen, close } = await setUp()
  const { withSpans, withoutSpans } = openTelemetry(call)
  const arms = { bare, ours, OpenTelemetry: withSpans, 'OpenTelemetry without spans': withoutSpans, again: bare }
  const sent = {
    bare: '',
    ours: 'key',
    again: '',
    OpenTelemetry: 'baggage',
    'OpenTelemetry without spans': 'baggage',
  } as const
  await checkArms(arms, sent, seen)
  return {
    arms,
    figures: [
      { name: 'otel-undici', of: 'OpenTelemetry', timesWhat: 'ours', addsTo: 'bare' },
      { name: 'otel-undici-no-spans', of: 'OpenTelemetry without spans', timesWhat: 'ours', addsTo: 'bare' },
      { name: 'otel-undici-noise', of: 'again', to: 'bare' },
    ],
    close,
  }
}
