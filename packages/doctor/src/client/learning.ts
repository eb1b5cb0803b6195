// What the gateway hands out to be given back, and how llm-affinity is told of it.

import type { LearnedStateOptions } from 'llm-affinity/learned'

const COOKIE = /^cookie[ :]/

/** The options of a LearnedState for names of headers, and of cookies as `cookie NAME` or `cookie:NAME`. */
export function learnedOptions(names: readonly string[]): Pick<LearnedStateOptions, 'headers' | 'cookies'> {
  const cookies = names.filter((name) => COOKIE.test(name)).map((name) => name.replace(COOKIE, ''))
  const headers = names.filter((name) => !COOKIE.test(name))
  return { ...(headers.length > 0 && { headers }), ...(cookies.length > 0 && { cookies }) }
}

/** The same as code. */
export function learnedCode(names: readonly string[]): string {
  const members = Object.entries(learnedOptions(names)).map(
    ([name, list]) => `${name}: [${list.map((each) => `'${String(each)}'`).join(', ')}]`,
  )
  return `use: new LearnedState({ ${members.join(', ')} })`
}
