import { nameOf } from '../session/name.js'
import type { Session } from '../session/session.js'
import type { Extension, ExtensionRequest, Target } from '../stamping/extension.js'
import { modelOf, withField } from '../stamping/json-field.js'
import { isOpenJson } from '../stamping/signed-body.js'
import { answeredBy, type BodyRead } from '../usage/diagnosis.js'
import { readEnds } from '../usage/read-ends.js'
import { remember } from '../util/lru.js'
import { warnOnce } from '../util/warn.js'
import { type Api, type ApiAtOrigins, apisOf, type CacheDiagnosticsOptions } from './apis.js'
import { BodyPart, withBody } from './body.js'

const MAX_CHAINS = 10_000
const MAX_REFUSED = 100

/**
 * Asks OpenAI and Anthropic why a turn did not find its history in the cache: each call names the answer before it, of the same
 * session and model. One chain for all calls would give false reasons, since a title does not continue the conversation.
 *
 * - OpenAI's Responses (`gpt-5.6` and later) and Anthropic's Messages, plain and streamed, and only at their own origins, or at
 *   those that you name. What the call sets itself wins.
 * - An API that refuses the field answers 400. That call fails; the field is then not sent to that origin and model again,
 *   with one warning.
 * - It needs an integration that is a fetch. Ids of answers are kept in memory, for the last 10,000 sessions and models.
 *
 * @throws TypeError if an option is wrong.
 *
 * @example
 * const diagnostics = new CacheDiagnostics({ onDiagnosis: ({ hit, reason }) => console.log(hit, reason) })
 * const anthropic = withAffinity(new Anthropic(), { use: diagnostics })
 */
export class CacheDiagnostics implements Extension {
  readonly #apis: readonly ApiAtOrigins[]
  readonly #onDiagnosis: CacheDiagnosticsOptions['onDiagnosis']
  readonly #chains = new Map<string, string>()
  readonly #refused = new Map<string, true>()

  constructor(options: CacheDiagnosticsOptions = {}) {
    this.#onDiagnosis = options.onDiagnosis
    this.#apis = apisOf(options)
  }

  readonly request = (session: Session, { origin, path }: Target, body: unknown): ExtensionRequest | undefined => {
    const api = this.#apis.find((each) => path.endsWith(each.api.path) && each.origins.has(origin))?.api
    const model = typeof body === 'string' ? modelOf(body) : undefined
    if (api === undefined || model === undefined) return undefined
    const place = JSON.stringify([api.path, origin, model.slice(0, 128)])
    if (this.#refused.has(place)) return undefined
    const chain = `${nameOf(session)} ${place}`
    return new AskingRequest(api, this.#chains.get(chain), {
      refused: () => {
        remember(this.#refused, place, true, MAX_REFUSED)
        warnOnce(`an API refused the field \`${api.field}\`, and is not asked about its cache again`)
      },
      answered: (read) => this.#answered(session, chain, read),
    })
  }

  #answered(session: Session, chain: string, read: BodyRead): void {
    const { id, diagnosis } = answeredBy(read)
    if (id !== undefined) remember(this.#chains, chain, id, MAX_CHAINS)
    if (diagnosis === undefined) return
    try {
      this.#onDiagnosis?.(diagnosis, session)
    } catch {
      warnOnce('`onDiagnosis` threw. The call went on')
    }
  }
}

interface Listener {
  refused(): void
  answered(read: BodyRead): void
}

class AskingRequest extends BodyPart {
  readonly #api: Api
  readonly #previous: string | undefined
  readonly #listener: Listener
  #isAsked = false

  constructor(api: Api, previous: string | undefined, listener: Listener) {
    super()
    this.#api = api
    this.#previous = previous
    this.#listener = listener
  }

  write(init: RequestInit): RequestInit {
    const value = this.#api.value(this.#previous)
    const { body } = init
    if (value === undefined || typeof body !== 'string' || !isOpenJson(new Headers(init.headers))) return init
    const text = withField(body, this.#api.field, value)
    if (text === undefined || text === body) return init
    this.#isAsked = true
    return withBody(init, text)
  }

  override answered(status: number, _: unknown, response?: Response): void {
    if (response === undefined) return
    if (status === 400 && this.#isAsked) {
      readEnds(response, (read) => {
        const text = 'json' in read ? JSON.stringify(read.json) : read.text
        if (text.includes(this.#api.field)) this.#listener.refused()
      })
    } else if (status < 300) {
      readEnds(response, (read) => this.#listener.answered(read))
    }
  }
}
