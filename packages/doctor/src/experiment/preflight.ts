import { recogniseGateway } from '../analysis/recognise-gateway.js'
import type { RequestForm } from '../client/api-adapters.js'
import type { Answer, Fault } from '../client/calls.js'
import type { ChatClient, Connection } from '../client/chat-client.js'
import { oneLine } from '../client/faults.js'
import { chosenGateway, type Options } from '../client/options.js'
import type { TokenBudget } from '../client/token-budget.js'
import { prose } from '../util/prose.js'
import { otherBasePaths } from '../verdict/advice.js'
import { STALLED } from '../verdict/next-steps.js'
import { askWithin } from './conversation.js'

/** The gateway could not be reached or rejected the calls: one sentence that reports what happened, and others that say what to try. */
export class PreflightError extends Error {
  readonly next: readonly string[]

  constructor(message: string, next: readonly string[]) {
    super(message)
    this.next = next
  }
}

export interface PreflightResult {
  /** The request form that the server accepts. */
  readonly form: RequestForm
  /** Whether it rejected a call without a key and accepted the same call with one. */
  readonly requiresKey: boolean
  readonly answers: readonly Answer[]
  /** No call was answered, but the gateway's list of models has this one. */
  readonly isModelListed: boolean
}

const TRIES = 4
/** In milliseconds. A list of models needs no model, so it comes at once or not at all. */
const LIST_TIMEOUT_MS = 5000

/** The clients of the first calls. */
export interface PreflightClients {
  readonly withoutKey: (connection: Connection) => ChatClient
  readonly withKey: (connection: Connection) => ChatClient
}

/**
 * The first calls, short and without a key: whether the gateway answers, authorizes and streams, which request form it accepts,
 * and whether it requires a key. Rejects with `PreflightError` where nothing more can be found out. A transient fault, such as a
 * 502, is not a reason.
 */
export async function preflight(
  settings: Options,
  connection: Omit<Connection, 'form'>,
  budget: TokenBudget,
  { withoutKey, withKey }: PreflightClients,
): Promise<PreflightResult> {
  const answers: Answer[] = []
  const { requestForms } = connection.adapter
  let [index, requiresKey] = [0, false]
  for (let tries = 0; tries < TRIES; ) {
    const form = requestForms[index] ?? { streams: true, fields: {} }
    const client = (requiresKey ? withKey : withoutKey)({ ...connection, form })
    const text = `${prose(30)}. Answer with one word.`
    const answer = await askWithin(budget, client, [{ role: 'user', content: text }])
    if (answer === undefined) break
    const { fault } = answer
    const next = fault && nextForm(requestForms, index, fault)
    if (next !== undefined) {
      index = next
      continue
    }
    if (fault !== undefined && !requiresKey && mayRequireKey(fault)) {
      const retried = await askWithin(budget, withKey({ ...connection, form }), [{ role: 'user', content: text }])
      if (retried !== undefined && retried.fault === undefined) {
        answers.push(retried)
        requiresKey = true
        break
      }
    }
    answers.push(answer)
    if (fault === undefined) break
    if (!isTransient(fault)) throw await errorFor(settings, connection, answer, fault)
    tries += 1
  }
  const form = requestForms[index] ?? { streams: true, fields: {} }
  const [last] = answers.slice(-1)
  if (last?.fault === undefined) return { form, requiresKey, answers, isModelListed: false }
  if (answers.every(({ status }) => status === undefined)) throw await errorFor(settings, connection, last, last.fault)
  const models = await modelsAt(connection)
  if (isMissing(settings.model, models)) throw noSuchModel(settings, models, last.fault)
  return { form, requiresKey, answers, isModelListed: models.includes(settings.model) }
}

// The fault names the stream or a parameter, or it does not say what was wrong with the request.
function nextForm(forms: readonly RequestForm[], index: number, { kind }: Fault): number | undefined {
  const isNext =
    kind === 'no-stream' || kind === 'json-answer'
      ? (form: RequestForm) => !form.streams
      : kind === 'unsupported' || kind === 'refused'
        ? () => true
        : () => false
  const next = forms.findIndex((form, at) => at > index && isNext(form))
  return next < 0 ? undefined : next
}

function mayRequireKey({ kind }: Fault): boolean {
  return kind === 'needs-key' || kind === 'refused' || kind === 'unsupported'
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
  connection: Omit<Connection, 'form'>,
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
        `${host} accepted the call but did not answer within ${connection.callTimeoutMs / 1000} s.`,
        ['Check that the model is loaded, and that the gateway reaches its backends.'],
      )
    case 'stalled':
      return new PreflightError(`${host} did not answer completely: ${fault.message}.`, [STALLED])
    case 'aborted':
      return new PreflightError(`The time of the run was over before ${host} had answered.`, [
        'Check that the model is loaded, and that the gateway reaches its backends.',
      ])
    case 'unauthorized':
      return new PreflightError(`${host} rejected the credentials (${fault.status}): ${fault.message}.`, [
        `Pass a valid API key: --api-key, or ${api === 'openai' ? 'OPENAI_API_KEY' : 'ANTHROPIC_API_KEY'} in the environment.`,
      ])
    case 'no-model': {
      const models = await modelsAt(connection)
      return new PreflightError(
        `${host} does not have the model ${model}${status === '' ? '' : ` (${fault.status})`}: ${fault.message}.`,
        [models.length === 0 ? 'Check --model.' : `It lists: ${some(models)}.`],
      )
    }
    case 'no-path': {
      // Some gateways answer like this for a model that they do not have.
      const models = await modelsAt(connection)
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
    case 'json-answer':
      return new PreflightError(
        `${host} answers, but not like an LLM gateway: it sent ${fault.message} instead of an event stream.`,
        [
          v1
            ? `Most base URLs end in /v1: try ${baseUrl}/v1.`
            : `Check the path of --base-url, or try --api ${otherApi}.`,
        ],
      )
    case 'needs-key':
      return new PreflightError(`${host} rejects calls without a session id${status}: ${fault.message}.`, [
        'Name the header that it reads: --header NAME, or --gateway NAME.',
      ])
    case 'too-long':
      return new PreflightError(`${host} rejected a prompt of 40 words as too long${status}: ${fault.message}.`, [
        'Check the limits of the model and of the gateway.',
      ])
    case 'unsupported':
    case 'no-stream':
      return new PreflightError(`${host} rejected every form of the request${status}: ${fault.message}.`, [
        `Check --model, and --api: the other value is ${otherApi}. A header that every call needs: --request-header 'NAME: VALUE'.`,
      ])
    case 'broken':
      return new PreflightError(`${host} could not be reached: ${fault.message}.`, [
        'Check --base-url, and whether a hop closes the connection, such as a proxy that expects https.',
      ])
    default:
      return new PreflightError(`${host} rejected the call${status}: ${fault.message}.`, [
        `Check --model, and --api: the other value is ${otherApi}. A header that every call needs: --request-header 'NAME: VALUE'.`,
      ])
  }
}

async function modelsAt({ adapter, signal }: Omit<Connection, 'form'>): Promise<readonly string[]> {
  const client = adapter.connect(fetch, (own) => own)
  try {
    return await client.models(AbortSignal.any([signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]))
  } catch {
    return []
  }
}
