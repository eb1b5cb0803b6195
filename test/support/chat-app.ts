import type { IncomingHttpHeaders } from 'node:http'
import type { Session } from 'llm-affinity'
import { startGateway, startReplicas } from '../../examples/chat-app/fleet.ts'
import { type App, startServer } from '../../examples/chat-app/server.ts'
import { startTap } from '../gateways/report/tap.ts'
import { NAMES } from './wire.ts'

export type Kind = 'turn' | 'title' | 'compaction' | 'research'

/** A call of the app as a replica received it, behind the gateway. */
export interface Received {
  readonly kind: Kind
  readonly replica: string
  readonly key: string | undefined
}

/** The chat app before its own gateway, and before replicas that answer at once. */
export interface Running extends AsyncDisposable, App {
  /** All calls so far, in the order of their arrival. Live. */
  readonly received: readonly Received[]
}

export async function startChatApp(secret: string): Promise<Running> {
  await using stack = new AsyncDisposableStack()
  const received: Received[] = []
  const replicas = await startReplicas({ prefillMsPerToken: 0, decodeMsPerToken: 0 })
  const taps = await Promise.all(
    replicas.map((replica) =>
      startTap(stack.use(replica), ({ headers, body }) => {
        // The question whether the gateway is up is no call.
        if (body === '') return
        received.push({ kind: kindOf(body), replica: replica.name, key: keyOf(headers) })
      }),
    ),
  )
  for (const tap of taps) stack.use(tap)
  const fleet = stack.use(await startGateway(taps))
  const { origin } = stack.use(await startServer({ fleet, model: 'test-model', port: 0, secret, pauseMs: 0 }))
  const started = stack.move()
  return { origin, received, [Symbol.asyncDispose]: () => started.disposeAsync() }
}

/** The replicas that received calls of this kind with the key of this session, without repetitions. */
export function replicasOf(received: readonly Received[], kind: Kind, { key }: Session): readonly string[] {
  return [...new Set(received.filter((each) => each.kind === kind && each.key === key).map((each) => each.replica))]
}

function kindOf(body: string): Kind {
  const [first] = JSON.parse(body).messages
  if (first.content.startsWith('Write a title')) return 'title'
  if (first.content.startsWith('Summarise this conversation')) return 'compaction'
  return first.content.startsWith('You are a researcher') ? 'research' : 'turn'
}

function keyOf(headers: IncomingHttpHeaders): string | undefined {
  const [key, ...rest] = NAMES.map((name) => headers[name]?.toString())
  if (rest.some((other) => other !== key)) throw new Error(`names disagree: ${JSON.stringify(headers)}`)
  return key
}
