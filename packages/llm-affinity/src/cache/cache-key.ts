import type { Session } from '../session/session.js'
import type { Extension } from '../stamping/extension.js'
import { expected, kind, quoted } from '../util/errors.js'
import { warnOnce } from '../util/warn.js'
import { BodyPart, withBody } from './body.js'

// OpenAI rejects longer ones.
const VALID = /^[\x20-\x7e]{1,64}$/
const START = /^\s*\{/

/**
 * Sends another key than the session's in the body field that routes to a provider's cache (`prompt_cache_key`), so that the
 * sessions of an application share what their prompts have in common. With providers whose gateway in the table has such a
 * field: `openai`, `azure-openai`, `mistral`, `moonshot`, `xai` and `deepinfra`. Headers keep the session's key.
 *
 * Whether it pays depends on the provider: see docs/state.md.
 *
 * @param key 1 to 64 printable characters, or a function of the session, called for each request. Where the function returns
 *   undefined, the session's key is sent.
 * @returns An extension for the option `use`.
 * @throws TypeError for any other key. What a function returns that is not valid is ignored, with one warning.
 *
 * @example
 * const openai = withAffinity(new OpenAI(), { use: cacheKey('support-agent-v3') })
 */
export function cacheKey(key: string | ((session: Session) => string | undefined)): Extension {
  if (typeof key !== 'function' && !isValid(key)) {
    throw expected('`key` to be 1 to 64 printable characters, or a function of the session', quoted(key))
  }
  const keyOf = typeof key === 'function' ? key : () => key
  return {
    request: (session, target) => {
      const { field } = target
      return field === undefined ? undefined : new KeyedRequest(session, field, keyOf)
    },
  }
}

class KeyedRequest extends BodyPart {
  readonly #session: Session
  readonly #field: string
  readonly #keyOf: (session: Session) => string | undefined

  constructor(session: Session, field: string, keyOf: (session: Session) => string | undefined) {
    super()
    this.#session = session
    this.#field = field
    this.#keyOf = keyOf
  }

  write(init: RequestInit): RequestInit {
    const key = this.#key()
    if (key === undefined || typeof init.body !== 'string') return init
    // Only what this package has written, which is the first member.
    const open = START.exec(init.body)?.[0] ?? ''
    const own = `${open}"${this.#field}":"${this.#session.key}"`
    if (!init.body.startsWith(own)) return init
    return withBody(init, `${open}"${this.#field}":${JSON.stringify(key)}${init.body.slice(own.length)}`)
  }

  #key(): string | undefined {
    try {
      const key = this.#keyOf(this.#session)
      if (key === undefined || isValid(key)) return key
      warnOnce(`\`cacheKey\` returned ${kind(key)} that is not 1 to 64 printable characters, and is ignored`)
    } catch {
      warnOnce('`cacheKey` threw. The key of the session is sent')
    }
    return undefined
  }
}

function isValid(key: unknown): boolean {
  return typeof key === 'string' && VALID.test(key)
}
