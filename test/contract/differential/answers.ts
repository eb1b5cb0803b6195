// How the servers answer: with a redirect or a chain of them, and with the final answer.

import { gzipSync } from 'node:zlib'
import type { Step } from './servers.ts'

export interface Places {
  readonly id: string
  readonly home: string
  readonly foreign: string
}

type Pair = readonly [name: string, value: string]

const FINAL = Buffer.from('{"id":"x","object":"chat.completion","choices":[]}')
export const FINAL_TEXT: string = FINAL.toString()
const JSON_TYPE: Pair = ['Content-Type', 'application/json']
const EVENTS = Buffer.from('data: {"id":"x"}\n\ndata: [DONE]\n\n')
const plain = { status: 200, headers: [JSON_TYPE], body: FINAL } satisfies Step

export const finals = {
  json: plain,
  events: { status: 200, headers: [['content-type', 'text/event-stream']], body: EVENTS },
  'no content': { status: 204, headers: [], body: Buffer.alloc(0) },
  'not found': { ...plain, status: 404, statusText: 'Not Here' },
  error: { ...plain, status: 500 },
  'rate limited': { ...plain, status: 429, headers: [JSON_TYPE, ['retry-after', '1']] },
  'not modified': { ...plain, status: 304, body: Buffer.alloc(0) },
  'multiple choices': { ...plain, status: 300, headers: [['location', '/nowhere']] },
  'redirect without location': { ...plain, status: 302 },
  'doubled headers': {
    ...plain,
    headers: [JSON_TYPE, ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2'], ['X-A', '1'], ['x-a', '2']],
  },
  gzip: { ...plain, headers: [JSON_TYPE, ['content-encoding', 'gzip']], body: gzipSync(FINAL) },
  'not gzip': { ...plain, headers: [JSON_TYPE, ['content-encoding', 'gzip']] },
  truncated: { ...plain, how: 'truncated' },
  slow: { ...plain, how: 'slow' },
  reset: { ...plain, how: 'reset' },
} satisfies Record<string, Step>

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

/** Where a redirect leads, in one hop or several. An empty list means no redirect. */
export const routes: Readonly<Record<string, (at: Places) => readonly string[]>> = {
  none: () => [],
  same: ({ id }) => [`/${id}/next/chat/completions`],
  away: ({ id, foreign }) => [`${foreign}/${id}/away`],
  'same, then away': ({ id, foreign }) => [`/${id}/next`, `${foreign}/${id}/away`],
  'away and back': ({ id, home, foreign }) => [`${foreign}/${id}/away`, `${home}/${id}/back`],
  'away, then on there': ({ id, foreign }) => [`${foreign}/${id}/away`, `/${id}/on`],
  three: ({ id }) => [`/${id}/1`, `/${id}/2`, `/${id}/3`],
  twenty: ({ id }) => Array.from({ length: 20 }, (_, i) => `/${id}/${i}`),
  endless: ({ id }) => Array.from({ length: 30 }, (_, i) => `/${id}/${i}`),
  relative: ({ id }) => [`../${id}/./relative?a=b`],
  'without a scheme': ({ id, foreign }) => [`${foreign.slice(5)}/${id}/away`],
  'upper case': ({ id, home }) => [`HTTP${home.slice(4)}/${id}/next`],
  empty: () => [''],
  'a query': () => ['?a=b'],
  'a fragment': ({ id }) => [`/${id}/next#there`],
  'a fragment alone': () => ['#there'],
  'a fragment, then none': ({ id }) => [`/${id}/next#there`, `/${id}/next`],
  'userinfo here': ({ id, home }) => [`${home.replace('//', '//user:secret@')}/${id}/next`],
  'userinfo away': ({ id, foreign }) => [`${foreign.replace('//', '//user:secret@')}/${id}/away`],
  'UTF-8': ({ id }) => [utf8(`/${id}/ü/😀`)],
  'Latin-1': ({ id }) => [`/${id}/\xfc`],
  'a space': ({ id }) => [`/${id}/a b`],
  'a backslash': ({ id }) => [`\\${id}\\next`],
  'a percent': ({ id }) => [`/${id}/%zz%2F`],
  'a bad URL': () => ['http://[::'],
  'a bad port': ({ id }) => [`http://127.0.0.1:6000/${id}/`],
  ftp: ({ id }) => [`ftp://127.0.0.1/${id}`],
  data: () => ['data:text/plain,hi'],
  blank: () => ['about:blank'],
  script: () => ['javascript:1'],
}

export const statuses: readonly number[] = [307, 308, 301, 302, 303]

export const hopHeaders: Readonly<Record<string, readonly Pair[]>> = {
  none: [],
  'no-referrer': [['Referrer-Policy', 'no-referrer']],
  origin: [['referrer-policy', 'origin']],
  'unsafe-url': [['referrer-policy', 'unsafe-url']],
  'several policies': [['referrer-policy', 'unknown, same-origin, odd']],
  cookies: [['set-cookie', 'a=1']],
  'two locations': [['location', '/elsewhere']],
  gzip: [['content-encoding', 'gzip']],
}

export const hopBodies: Readonly<Record<string, { body: Buffer; how?: 'slow' }>> = {
  none: { body: Buffer.alloc(0) },
  text: { body: Buffer.from('Temporary Redirect') },
  large: { body: Buffer.alloc(300_000, 'a') },
  slow: { body: Buffer.from('Temporary Redirect'), how: 'slow' },
}

export interface Answer {
  readonly route: string
  readonly status: number
  readonly hopHeaders: string
  readonly hopBody: string
  readonly final: string
}

export function stepsOf(answer: Answer, at: Places): Step[] {
  const { body, how } = hopBodies[answer.hopBody] ?? { body: Buffer.alloc(0) }
  const more = hopHeaders[answer.hopHeaders] ?? []
  const hops = (routes[answer.route]?.(at) ?? []).map(
    (location): Step => ({
      status: answer.status,
      headers: [['Location', location], ...more],
      body,
      ...(how && { how }),
    }),
  )
  const final: Step = finals[answer.final as keyof typeof finals] ?? plain
  return [...hops, final]
}
