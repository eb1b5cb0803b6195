// Which session a request to a server belongs to.

import { isSession, Session } from '../session/session.js'
import { checkOptions, expected, kind } from '../util/errors.js'
import { warnOnce } from '../util/warn.js'

const PAGE = 'See docs/servers.md'
const NOT_THERE =
  'Place the helper after authentication and on the route, or return undefined for requests outside of any conversation'

/** The conversation that a request to a server belongs to. Without both parts the request runs without a session, with one warning. */
export interface Conversation {
  /** The user or tenant, as the application has authenticated it. Never a value that a client can choose. */
  readonly user: string | undefined
  /** The id of the conversation. A client may send it: it only selects among the conversations of its own user. */
  readonly conversation: string | undefined
}

/** Options of `serverSessions`. */
export interface ServerSessionsOptions {
  /**
   * The secret from which keys are derived, with the user and the conversation: without it, nobody can compute a key. The same
   * in all processes of an application, such as an environment variable with the output of `openssl rand -hex 32`. Undefined throws.
   */
  readonly secret: string | undefined
}

/** What an application has found: a conversation, a session of its own, or none. */
export type Found = Conversation | Session | null | undefined

/**
 * Returns the conversation of a request, after the application has authenticated it; undefined or null for a request outside of
 * any conversation, which then runs without a session. A `Session` is used as it is. May be async. What it throws is the
 * request's error.
 */
export type ConversationOf<Request, Rest extends readonly unknown[] = []> = (
  request: Request,
  ...rest: Rest
) => Found | PromiseLike<Found>

/** Returns the session of a conversation. Undefined, with one warning, for a user or conversation that is not a string. */
export type SessionOf = (conversation: Found) => Session | undefined

/** @throws TypeError for wrong options. */
export function sessionsOf(options: ServerSessionsOptions): SessionOf {
  const { secret } = checkOptions(options, ['secret'], '{ secret: process.env.SESSION_SECRET }')
  if (typeof secret !== 'string' || secret === '') {
    throw expected('`secret` to be a string that is not empty', secret === '' ? 'an empty one' : kind(secret), PAGE)
  }
  return (found) => {
    if (found === undefined || found === null || isSession(found)) return found ?? undefined
    const { user, conversation } = Object(found) as Partial<Conversation>
    for (const [name, value] of Object.entries({ user, conversation })) {
      if (typeof value === 'string' && value !== '') continue
      warnOnce(
        `the conversation of a request needs a \`${name}\` that is a string, and got ${value === '' ? 'an empty one' : kind(value)}. ` +
          `Its calls are not pinned. ${value === undefined ? NOT_THERE : 'Write String(…)'}. ${PAGE}`,
      )
      return undefined
    }
    return new Session(String(conversation), { namespace: String(user), secret })
  }
}

/** @throws TypeError where a helper is given anything else than a function. */
export function checkConversationOf(value: unknown, helper: string): void {
  if (typeof value === 'function') return
  throw expected(
    'a function that returns the conversation of a request',
    kind(value),
    `Write sessions.${helper}((request) => ({ user: …, conversation: … })). ${PAGE}`,
  )
}

/** Calls `then` with the session of a request: at once, unless the application needs time to find it. */
export function withSessionOf<Result>(
  sessionOf: SessionOf,
  find: () => Found | PromiseLike<Found>,
  then: (session: Session | undefined) => Result | Promise<Result>,
): Result | Promise<Result> {
  const found = find()
  // A thenable of another library may return nothing from its `then`.
  return isThenable(found) ? Promise.resolve(found).then((late) => then(sessionOf(late))) : then(sessionOf(found))
}

function isThenable(value: unknown): value is PromiseLike<Found> {
  return typeof Object(value).then === 'function'
}

/** Runs `fn` in the scope of the session, if there is one. */
export function runIn<T>(session: Session | undefined, fn: () => T): T {
  return session === undefined ? fn() : session.run(fn)
}
