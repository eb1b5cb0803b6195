import type { Answer, Fault } from './calls.js'
import type { Caller, Place } from './line.js'
import { prose } from './prose.js'
import type { Purse } from './purse.js'
import type { Settings } from './settings.js'

/** The gateway was never reached, or refused us: one sentence that says what happened, and one that says what to try. */
export class Unreached extends Error {
  readonly next: readonly string[]

  constructor(message: string, next: readonly string[]) {
    super(message)
    this.next = next
  }
}

export interface Reached {
  /** Which of the speaker's forms the server takes. */
  readonly form: number
  readonly answers: readonly Answer[]
}

const TRIES = 4

/**
 * The first calls, short and without a key: is it there, does it let us in, does it stream, and in which form does it take calls?
 * Rejects with `Unreached` where there is no use in going on. What comes and goes, such as a 502, is no reason.
 */
export async function reach(
  settings: Settings,
  place: Omit<Place, 'form'>,
  purse: Purse,
  callerWithout: (place: Place) => Caller,
): Promise<Reached> {
  const answers: Answer[] = []
  let form = 0
  for (let tries = 0; tries < TRIES; ) {
    const text = `${prose(30)}. Answer with one word.`
    const settle = purse.pay(text.split(' ').length)
    if (settle === undefined) break
    const answer = await callerWithout({ ...place, form }).ask([{ role: 'user', content: text }])
    settle(answer.promptTokens)
    const { fault } = answer
    if (fault?.kind === 'refused' && form + 1 < place.speaker.forms) {
      form += 1
      continue
    }
    answers.push(answer)
    if (fault === undefined) break
    if (!isPassing(fault)) throw await unreached(settings, place, fault)
    tries += 1
  }
  const [last] = answers.slice(-1)
  if (last?.fault !== undefined && answers.every(({ status }) => status === undefined)) {
    throw await unreached(settings, place, last.fault)
  }
  return { form, answers }
}

function isPassing({ kind }: Fault): boolean {
  return kind === 'broken' || kind === 'cut' || kind === 'limited'
}

async function unreached(
  { baseUrl, model, api }: Settings,
  place: Omit<Place, 'form'>,
  fault: Fault,
): Promise<Unreached> {
  const { host } = new URL(baseUrl)
  const status = fault.status === undefined ? '' : ` with ${fault.status}`
  const v1 = api === 'openai' && !/\/v\d+[^/]*$/.test(baseUrl)
  const otherApi = api === 'openai' ? 'anthropic' : 'openai'
  switch (fault.kind) {
    case 'unresolved':
      return new Unreached(`${host} does not resolve to an address.`, [
        'Check --base-url for a typing error, and whether this machine sees that name.',
      ])
    case 'unreachable':
      return new Unreached(`Nobody listens at ${host} (${fault.said}).`, [
        'Check the port in --base-url, and whether the gateway runs.',
      ])
    case 'insecure':
      return new Unreached(`The certificate of ${host} is not trusted: ${fault.said}.`, [
        'Name its authority in NODE_EXTRA_CA_CERTS, or use http:// if the gateway does.',
      ])
    case 'silent':
      return new Unreached(`${host} took the call and did not answer within ${place.patience / 1000} s.`, [
        'Check that the model is loaded, and that the gateway reaches its backends.',
      ])
    case 'unauthorized':
      return new Unreached(`${host} does not let us in (${fault.status}): ${fault.said}.`, [
        `Give it a key that it knows: --api-key, or ${api === 'openai' ? 'OPENAI_API_KEY' : 'ANTHROPIC_API_KEY'} in the environment.`,
      ])
    case 'no-model': {
      const models = await modelsAt(place)
      return new Unreached(
        `${host} does not know the model ${model}${status === '' ? '' : ` (${fault.status})`}: ${fault.said}.`,
        [models.length === 0 ? 'Check --model.' : `It lists: ${models.join(', ')}.`],
      )
    }
    case 'no-path':
      return new Unreached(`${host} has no such API at this base URL (${fault.status}): ${fault.said}.`, [
        v1
          ? `Most base URLs end in /v1: try ${baseUrl}/v1.`
          : `Check the path of --base-url, or try --api ${otherApi}.`,
      ])
    case 'no-llm':
      return new Unreached(
        `${host} answers, but not as an LLM gateway: it sent ${fault.said} where a stream of events was asked for.`,
        [
          v1
            ? `Most base URLs end in /v1: try ${baseUrl}/v1.`
            : `Check the path of --base-url, or try --api ${otherApi}.`,
        ],
      )
    case 'broken':
      return new Unreached(`${host} could not be reached: ${fault.said}.`, [
        'Check --base-url, and whether something on the way closes the connection, such as a proxy that wants https.',
      ])
    default:
      return new Unreached(`${host} refused the call${status}: ${fault.said}.`, [
        `Check --model and --api (${otherApi} is the other one).`,
      ])
  }
}

async function modelsAt(place: Omit<Place, 'form'>): Promise<readonly string[]> {
  const line = place.speaker.connect(fetch, (client) => client)
  try {
    return (await line.models()).slice(0, 8)
  } catch {
    return []
  }
}
