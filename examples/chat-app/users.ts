// Stands in for a login: whoever opens the page gets a user of their own, in a signed cookie.
import type { Context } from 'hono'
import { getSignedCookie, setSignedCookie } from 'hono/cookie'
import { Chats } from './chats.ts'
import type { Fleet } from './fleet.ts'

const COOKIE = 'chat-app-user'
const MOST_USERS = 50

export class Users {
  readonly #chats = new Map<string, Chats>()
  readonly #fleet: Fleet
  // Made anew at each start: nothing outlives the process.
  readonly #cookieSecret = crypto.randomUUID()
  readonly #sessionSecret: string

  constructor(fleet: Fleet, sessionSecret: string) {
    this.#fleet = fleet
    this.#sessionSecret = sessionSecret
  }

  async logIn(context: Context): Promise<void> {
    if ((await this.#userOf(context)) !== undefined) return
    const options = { httpOnly: true, sameSite: 'Strict', path: '/' } as const
    await setSignedCookie(context, COOKIE, crypto.randomUUID(), this.#cookieSecret, options)
  }

  /** The chats of whoever sent this request, or undefined where nobody is logged in. */
  async chatsOf(context: Context): Promise<Chats | undefined> {
    const user = await this.#userOf(context)
    return user === undefined ? undefined : (this.#chats.get(user) ?? this.#open(user))
  }

  close(): void {
    for (const chats of this.#chats.values()) chats.close()
  }

  #open(user: string): Chats {
    const [oldest] = this.#chats
    if (oldest !== undefined && this.#chats.size === MOST_USERS) {
      this.#chats.delete(oldest[0])
      oldest[1].close()
    }
    const chats = new Chats(user, this.#sessionSecret, this.#fleet)
    this.#chats.set(user, chats)
    return chats
  }

  async #userOf(context: Context): Promise<string | undefined> {
    // It is false where the signature is wrong.
    return (await getSignedCookie(context, this.#cookieSecret, COOKIE)) || undefined
  }
}
