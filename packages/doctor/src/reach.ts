import { pathsOtherThan } from './advice.js'
import type { Answer, Fault } from './calls.js'
import { oneLine } from './faults.js'
import type { Caller, Place } from './line.js'
import { prose } from './prose.js'
import type { Purse } from './purse.js'
import { recognise } from './recognise.js'
import { rowFor, type Settings } from './settings.js'

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
  /** Nothing was answered, so it was asked which models there are: this one is among them. */
  readonly listed: boolean
}

const TRIES = 4
/** A list is no answer of a model: it comes at once, or not. */
const PATIENCE = 5000

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
    if (!isPassing(fault)) throw await unreached(settings, place, answer, fault)
    tries += 1
  }
  const [last] = answers.slice(-1)
  if (last?.fault === undefined) return { form, answers, listed: false }
  if (answers.every(({ status }) => status === undefined)) throw await unreached(settings, place, last, last.fault)
  const models = await modelsAt(place)
  if (isMissing(settings.model, models)) throw noSuchModel(settings, models, last.fault)
  return { form, answers, listed: models.includes(settings.model) }
}

function isPassing({ kind }: Fault): boolean {
  return kind === 'broken' || kind === 'cut' || kind === 'limited'
}

// What lists a pattern, or nothing, lists not all that it has.
function isMissing(model: string, models: readonly string[]): boolean {
  return models.length > 0 && !models.includes(model) && !models.some((each) => each.includes('*'))
}

function noSuchModel({ model }: Settings, models: readonly string[], { status, said }: Fault): Unreached {
  return new Unreached(`The gateway lists no model \`${model}\`; it lists: ${some(models)}.`, [
    `Check --model. The calls for this one failed${status === undefined ? '' : ` with ${status}`}: ${said}.`,
  ])
}

const MOST = 8

function some(models: readonly string[]): string {
  const more = models.length - MOST
  return `${models.slice(0, MOST).map(oneLine).join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}

async function unreached(
  settings: Settings,
  place: Omit<Place, 'form'>,
  { headers }: Answer,
  fault: Fault,
): Promise<Unreached> {
  const { baseUrl, model, api } = settings
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
        [models.length === 0 ? 'Check --model.' : `It lists: ${some(models)}.`],
      )
    }
    case 'no-path': {
      // Some say no more than this of a model that they do not have.
      const models = await modelsAt(place)
      if (isMissing(model, models)) return noSuchModel(settings, models, fault)
      const known = rowFor(settings)?.name ?? recognise(headers)?.row.name
      return new Unreached(`${host} has no such API at this base URL (${fault.status}): ${fault.said}.`, [
        v1
          ? `Most base URLs end in /v1: try ${baseUrl}/v1.`
          : `Check the path of --base-url, or try --api ${otherApi}.`,
        ...(api === 'openai' ? pathsOtherThan(new URL(baseUrl).pathname, known) : []),
      ])
    }
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
    return await line.models(AbortSignal.any([place.signal, AbortSignal.timeout(PATIENCE)]))
  } catch {
    return []
  }
}
