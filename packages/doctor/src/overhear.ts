import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Gateway } from 'llm-affinity/gateways'
import type { Answer } from './calls.js'
import { type Arrival, type EchoServer, startEcho } from './echo-server.js'
import { callerAt, type Place } from './line.js'
import { otherNames } from './names.js'
import type { Progress } from './progress.js'
import { Unreached } from './reach.js'
import { recognise } from './recognise.js'
import { rowFor, type Settings } from './settings.js'
import { speakers } from './speakers.js'

/** What became of the headers on their way to the echo server. */
export interface Overheard {
  readonly gateway: string
  /** How the key was sent: names of headers, `body`. */
  readonly sent: readonly string[]
  /** Those of them that were there, and those that were there with another value. */
  readonly arrived: readonly string[]
  readonly changed: readonly string[]
  readonly lost: readonly string[]
  /** Of other names that a key could have, those that do not come through either. */
  readonly othersLost: readonly string[]
  /** What hops have added. */
  readonly added: readonly string[]
}

const DEADLINE = 50_000
const PAUSE = 500

/** Sends through the gateway until the echo server hears it. Undefined: it never did. */
export async function overhear(settings: Settings, progress: Progress): Promise<Overheard | undefined> {
  await using echo = await startEcho(settings.echoHost, settings.echo ?? 0).catch((error: Error) => {
    throw new Unreached(`The echo server cannot listen: ${error.message}.`, ['Give it another port: --echo 9010.'])
  })
  progress.say(`Echo server at ${echo.origin}/v1: put it behind the gateway, for the model ${settings.model}`)
  const place: Place = {
    speaker: speakers[settings.api]({ ...settings, apiKey: settings.apiKey ?? 'none' }),
    form: 0,
    signal: AbortSignal.timeout(DEADLINE),
    patience: 5000,
  }
  let gateway = rowFor(settings)
  while (!place.signal.aborted) {
    const { answer, arrival, key } = await sent(place, echo, gateway)
    if (arrival !== undefined) {
      const known = gateway === undefined ? recognise(answer.headers)?.row : undefined
      // It was sent what a gateway reads of which nothing is known: now it is.
      if (known !== undefined && !known.headers.every((name) => answer.carriers.includes(name))) {
        gateway = known
        continue
      }
      return compared(answer, arrival, key, await othersLost(place, echo, answer.carriers))
    }
    await sleep(PAUSE)
  }
  return undefined
}

interface Sent {
  readonly answer: Answer
  readonly arrival: Arrival | undefined
  readonly key: string
}

async function sent(place: Place, echo: EchoServer, gateway: Gateway | undefined): Promise<Sent> {
  const caller = callerAt(place, gateway ?? 'by host')
  const nonce = randomUUID()
  const answer = await caller.ask([{ role: 'user', content: nonce }])
  return { answer, arrival: echo.arrivals.find(({ body }) => body.includes(nonce)), key: caller.key ?? '' }
}

async function othersLost(place: Place, echo: EchoServer, carriers: readonly string[]): Promise<readonly string[]> {
  const headers = otherNames(carriers)
  const { arrival, key } = await sent(place, echo, { name: 'probe', headers })
  return arrival === undefined ? [] : headers.filter((name) => arrival.headers.get(name) !== key)
}

function compared(answer: Answer, { headers, body }: Arrival, key: string, others: readonly string[]): Overheard {
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

// What a fetch puts in by itself.
const OF_FETCH = new Set(
  'accept accept-encoding accept-language connection content-length host sec-fetch-mode transfer-encoding user-agent'.split(
    ' ',
  ),
)
