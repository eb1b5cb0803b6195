import { recogniseGateway } from '../analysis/recognise-gateway.js'
import type { Answer, Fault } from '../client/calls.js'
import type { ChatClient, Connection } from '../client/chat-client.js'
import { oneLine } from '../client/faults.js'
import { chosenGateway, type Options } from '../client/options.js'
import type { TokenBudget } from '../client/token-budget.js'
import { prose } from '../util/prose.js'
import { otherBasePaths } from '../verdict/advice.js'

/** The gateway could not be reached or rejected the calls: one sentence that reports what happened, and others that say what to try. */
export class PreflightError extends Error {
  readonly next: readonly string[]

  constructor(message: string, next: readonly string[]) {
    super(message)
    this.next = next
  }
}

export interface PreflightResult {
  /** Which of the adapter's request forms the server accepts. */
  readonly form: number
  readonly answers: readonly Answer[]
  /** No call was answered, but the gateway's list of models has this one. */
  readonly isModelListed: boolean
}

const TRIES = 4
/** In milliseconds. A list of models needs no model, so it comes at once or not at all. */
const LIST_TIMEOUT_MS = 5000

/**
 * The first calls, short and without a key: whether the gateway answers, authorizes and streams, and which request form it
 * accepts. Rejects with `PreflightError` where nothing more can be found out. A transient fault, such as a 502, is not a reason.
 */
export async function preflight(
  settings: Options,
  place: Omit<Connection, 'form'>,
  purse: TokenBudget,
  callerWithout: (place: Connection) => ChatClient,
): Promise<PreflightResult> {
  const answers: Answer[] = []
  let form = 0
  for (let tries = 0; tries < TRIES; ) {
    const text = `${prose(30)}. Answer with one word.`
    const settle = purse.reserve(text.split(' ').length)
    if (settle === undefined) break
    const answer = await callerWithout({ ...place, form }).ask([{ role: 'user', content: text }])
    settle(answer.promptTokens)
    const { fault } = answer
    if (fault?.kind === 'refused' && form + 1 < place.adapter.requestForms) {
      form += 1
      continue
    }
    answers.push(answer)
    if (fault === undefined) break
    if (!isTransient(fault)) throw await errorFor(settings, place, answer, fault)
    tries += 1
  }
  const [last] = answers.slice(-1)
  if (last?.fault === undefined) return { form, answers, isModelListed: false }
  if (answers.every(({ status }) => status === undefined)) throw await errorFor(settings, place, last, last.fault)
  const models = await modelsAt(place)
  if (isMissing(settings.model, models)) throw noSuchModel(settings, models, last.fault)
  return { form, answers, isModelListed: models.includes(settings.model) }
}

function isTransient({ kind }: Fault): boolean {
  return kind === 'broken' || kind === 'cut' || kind === 'limited'
}

// A gateway that lists a pattern, or nothing, does not list all its models.
function isMissing(model: string, models: readonly string[]): boolean {
  return models.length > 0 && !models.includes(model) && !models.some((each) => each.includes('*'))
}

function noSuchModel({ model }: Options, models: readonly string[], { status, message }: Fault): PreflightError {
  return new PreflightError(`The gateway does not list the model \`${model}\`. It lists: ${some(models)}.`, [
    `Check --model. Calls for this model failed${status === undefined ? '' : ` with ${status}`}: ${message}.`,
  ])
}

const MOST = 8

function some(models: readonly string[]): string {
  const more = models.length - MOST
  return `${models.slice(0, MOST).map(oneLine).join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}

async function errorFor(
  settings: Options,
  place: Omit<Connection, 'form'>,
  { headers }: Answer,
  fault: Fault,
): Promise<PreflightError> {
  const { baseUrl, model, api } = settings
  const { host } = new URL(baseUrl)
  const status = fault.status === undefined ? '' : ` with ${fault.status}`
  const v1 = api === 'openai' && !/\/v\d+[^/]*$/.test(baseUrl)
  const otherApi = api === 'openai' ? 'anthropic' : 'openai'
  switch (fault.kind) {
    case 'unresolved':
      return new PreflightError(`Host not found: ${host}.`, [
        'Check --base-url for a typing error, and whether this machine resolves that name.',
      ])
    case 'unreachable':
      return new PreflightError(`Connection refused or timed out at ${host} (${fault.message}).`, [
        'Check the port in --base-url, and whether the gateway is running.',
      ])
    case 'insecure':
      return new PreflightError(`The certificate of ${host} is not trusted: ${fault.message}.`, [
        'Add its certificate authority to NODE_EXTRA_CA_CERTS, or use http:// if the gateway does.',
      ])
    case 'silent':
      return new PreflightError(
        `${host} accepted the call but did not answer within ${place.callTimeoutMs / 1000} s.`,
        ['Check that the model is loaded, and that the gateway reaches its backends.'],
      )
    case 'unauthorized':
      return new PreflightError(`${host} rejected the credentials (${fault.status}): ${fault.message}.`, [
        `Pass a valid API key: --api-key, or ${api === 'openai' ? 'OPENAI_API_KEY' : 'ANTHROPIC_API_KEY'} in the environment.`,
      ])
    case 'no-model': {
      const models = await modelsAt(place)
      return new PreflightError(
        `${host} does not have the model ${model}${status === '' ? '' : ` (${fault.status})`}: ${fault.message}.`,
        [models.length === 0 ? 'Check --model.' : `It lists: ${some(models)}.`],
      )
    }
    case 'no-path': {
      // Some gateways answer like this for a model that they do not have.
      const models = await modelsAt(place)
      if (isMissing(model, models)) return noSuchModel(settings, models, fault)
      const known = chosenGateway(settings)?.name ?? recogniseGateway(headers)?.gateway.name
      return new PreflightError(
        `${host} does not serve this API at this base URL (${fault.status}): ${fault.message}.`,
        [
          v1
            ? `Most base URLs end in /v1: try ${baseUrl}/v1.`
            : `Check the path of --base-url, or try --api ${otherApi}.`,
          ...(api === 'openai' ? otherBasePaths(new URL(baseUrl).pathname, known) : []),
        ],
      )
    }
    case 'no-llm':
      return new PreflightError(
        `${host} answers, but not like an LLM gateway: it sent ${fault.message} instead of an event stream.`,
        [
          v1
            ? `Most base URLs end in /v1: try ${baseUrl}/v1.`
            : `Check the path of --base-url, or try --api ${otherApi}.`,
        ],
      )
    case 'broken':
      return new PreflightError(`${host} could not be reached: ${fault.message}.`, [
        'Check --base-url, and whether a hop closes the connection, such as a proxy that expects https.',
      ])
    default:
      return new PreflightError(`${host} rejected the call${status}: ${fault.message}.`, [
        `Check --model, and --api: the other value is ${otherApi}.`,
      ])
  }
}

async function modelsAt(place: Omit<Connection, 'form'>): Promise<readonly string[]> {
  const line = place.adapter.connect(fetch, (client) => client)
  try {
    return await line.models(AbortSignal.any([place.signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]))
  } catch {
    return []
  }
}
