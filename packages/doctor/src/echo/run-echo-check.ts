import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Gateway } from 'llm-affinity/gateways'
import { recogniseGateway } from '../analysis/recognise-gateway.js'
import { adapters, type RequestForm } from '../client/api-adapters.js'
import type { Answer } from '../client/calls.js'
import { type Connection, connectClient } from '../client/chat-client.js'
import { chosenGateway, type Options } from '../client/options.js'
import { Pacer } from '../client/pacer.js'
import { otherHeaderNames } from '../experiment/header-names.js'
import { PreflightError } from '../experiment/preflight.js'
import type { Progress } from '../util/progress.js'
import { type Arrival, type EchoServer, startEcho } from './echo-server.js'

/** What became of the headers on their way to the echo server. */
export interface EchoResult {
  readonly gateway: string
  /** What carried the key: names of headers, or `body`. */
  readonly sent: readonly string[]
  /** Which of them arrived, and which arrived with another value. */
  readonly arrived: readonly string[]
  readonly changed: readonly string[]
  readonly lost: readonly string[]
  /** Which other header names for a key do not arrive either. */
  readonly othersLost: readonly string[]
  /** The headers that hops added. */
  readonly added: readonly string[]
}

const DEADLINE_MS = 50_000
const PAUSE_MS = 500
/** The echo server answers any form. */
const FORM: RequestForm = { streams: true, fields: { max_tokens: 16 } }

/** Sends calls through the gateway until one reaches the echo server. Undefined: none did. */
export async function runEchoCheck(options: Options, progress: Progress): Promise<EchoResult | undefined> {
  await using echo = await startEcho(options.echoHost, options.echo ?? 0).catch((error: Error) => {
    throw new PreflightError(`The echo server cannot listen: ${error.message}.`, ['Use another port: --echo 9010.'])
  })
  progress.report(`Echo server at ${echo.origin}/v1: put it behind the gateway, for the model ${options.model}`)
  const end = AbortSignal.timeout(DEADLINE_MS)
  const connection: Connection = {
    adapter: adapters[options.api]({ ...options, apiKey: options.apiKey ?? 'none' }),
    form: FORM,
    signal: end,
    callTimeoutMs: 5000,
    pacer: new Pacer(1, end),
  }
  let gateway = chosenGateway(options)
  while (!connection.signal.aborted) {
    const { answer, arrival, key } = await sent(connection, echo, gateway)
    if (arrival !== undefined) {
      const known = gateway === undefined ? recogniseGateway(answer.headers)?.gateway : undefined
      // The first call carried the generic headers. Now that the gateway is recognised, send its own.
      if (known !== undefined && !known.headers.every((name) => answer.carriers.includes(name))) {
        gateway = known
        continue
      }
      return compared(answer, arrival, key, await othersLost(connection, echo, answer.carriers))
    }
    await sleep(PAUSE_MS)
  }
  return undefined
}

interface Sent {
  readonly answer: Answer
  readonly arrival: Arrival | undefined
  readonly key: string
}

async function sent(connection: Connection, echo: EchoServer, gateway: Gateway | undefined): Promise<Sent> {
  const caller = connectClient(connection, gateway ?? 'by host')
  const nonce = randomUUID()
  const answer = await caller.ask([{ role: 'user', content: nonce }])
  return { answer, arrival: echo.arrivals.find(({ body }) => body.includes(nonce)), key: caller.key ?? '' }
}

async function othersLost(
  connection: Connection,
  echo: EchoServer,
  carriers: readonly string[],
): Promise<readonly string[]> {
  const headers = otherHeaderNames(carriers)
  const { arrival, key } = await sent(connection, echo, { name: 'probe', headers })
  return arrival === undefined ? [] : headers.filter((name) => arrival.headers.get(name) !== key)
}

function compared(answer: Answer, { headers, body }: Arrival, key: string, others: readonly string[]): EchoResult {
  const { carriers, sentHeaders } = answer
  const isThere = (name: string): boolean => (name === 'body' ? body.includes(`"${key}"`) : headers.get(name) === key)
  const lost = carriers.filter((name) => (name === 'body' ? !isThere(name) : !headers.has(name)))
  return {
    gateway: answer.outcome?.gateway ?? 'none',
    sent: carriers,
    arrived: carriers.filter(isThere),
    changed: carriers.filter((name) => !isThere(name) && !lost.includes(name)),
    lost,
    othersLost: others,
    added: [...headers.keys()].filter((name) => !sentHeaders.includes(name) && !OF_FETCH.has(name)).toSorted(),
  }
}

// The headers that fetch adds itself.
const OF_FETCH = new Set(
  'accept accept-encoding accept-language connection content-length host sec-fetch-mode transfer-encoding user-agent'.split(
    ' ',
  ),
)
