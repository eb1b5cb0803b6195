// Where affinityFetch may differ from the bare fetch, and why. Keep this list as short as possible.

import type { Recipe } from './arguments.ts'
import type { Maker } from './makers.ts'

interface Known {
  readonly why: string
  /** The facets that may differ. */
  readonly facets: readonly string[]
  applies(maker: Maker, recipe: Recipe): boolean
}

// Node's own fetch follows redirects itself, except with a body field: it would resend the body unchanged.
function isByHand({ isPlatform }: Maker, { route, setup = '' }: Recipe): boolean {
  return route !== 'none' && (!isPlatform || setup.startsWith('a body field'))
}

const RESULT = 'status statusText url redirected type ok headers body bodyUsed made'.split(' ')

// Routes with an odd Location, and routes on which the number of redirects matters.
const ODD = [
  ...['UTF-8', 'Latin-1', 'a bad URL', 'a bad port', 'ftp', 'data', 'blank', 'script', 'twenty', 'endless', 'three'],
  ...['userinfo here', 'userinfo away', 'empty', 'a fragment', 'a fragment alone', 'a fragment, then none'],
]

const STREAM = /stream|Readable|generator/
const ABROAD = ['away', 'same, then away', 'away and back', 'away, then on there', 'without a scheme']

const KNOWN: readonly Known[] = [
  {
    why: 'the performance timeline lists each hop that is followed by hand as a separate fetch',
    facets: ['timing'],
    applies: isByHand,
  },
  {
    why: 'the answer after a redirect has `redirected` as an own property: there is no other way to set it',
    facets: ['own'],
    applies: isByHand,
  },
  {
    why: 'a bad redirect is a TypeError "fetch failed" as on the platform, but its cause has our message',
    facets: ['cause'],
    applies: isByHand,
  },
  {
    why: 'a URL with credentials is rejected by the fetch that makes the hop, with its own message',
    facets: ['error'],
    applies: (maker, recipe) => isByHand(maker, recipe) && recipe.route === 'userinfo here',
  },
  {
    why: 'a hop to another origin is a separate call to the fetch below, which makes its answer "basic" and not "cors"',
    facets: ['type'],
    applies: (maker, recipe) => isByHand(maker, recipe) && ABROAD.includes(recipe.route ?? ''),
  },
  {
    why: 'a clone is made by the fetch below, for which the answer was not redirected',
    facets: ['cloneRedirected'],
    applies: isByHand,
  },
  {
    why: 'a request that is aborted while it is being sent may arrive or not, with the bare fetch too',
    facets: ['first', 'firstHeaders', 'closed', 'timing'],
    applies: (_maker, { signal, headers, body }) =>
      signal === 'a tick after the call' || (headers === 'content-length' && body !== 'JSON'),
  },
  {
    why: 'the body of a redirect is cancelled, not received to its end',
    facets: ['closed'],
    applies: (maker, recipe) => isByHand(maker, recipe) && recipe.hopBody !== 'none',
  },
  {
    why: 'node-fetch and @whatwg-node/fetch keep and drop other headers on a redirect than the standard, which we follow',
    facets: ['hopHeaders', 'error', 'closed'],
    applies: (maker, recipe) => maker.isOwnWay === true && isByHand(maker, recipe),
  },
  {
    why: '@whatwg-node/fetch writes into the headers that it receives, so frozen ones fail; we pass it a copy',
    facets: ['outcome', 'error', 'cause', 'first', 'firstHeaders', 'hops', 'hopHeaders', 'closed'],
    applies: ({ isUnordered }, { headers }) => isUnordered === true && headers === 'frozen',
  },
  {
    why: 'a copy of a Headers of @whatwg-node/fetch has lower-case names: the original case cannot be read',
    facets: ['firstHeaders'],
    applies: ({ isUnordered }, { headers, init }) =>
      isUnordered === true && (headers === "the maker's Headers" || init === 'a Request'),
  },
  {
    why: 'a Request does not reveal that its body was a stream: we send it again, where the bare fetch fails',
    facets: ['outcome', 'error', 'hops', 'hopHeaders', 'closed'],
    applies: (maker, recipe) =>
      isByHand(maker, recipe) && /Request/.test(recipe.input ?? '') && STREAM.test(recipe.body ?? ''),
  },
  {
    why: 'they also parse an odd Location, count redirects and resend a stream differently from the standard',
    facets: ['outcome', 'hops', ...RESULT],
    applies: (maker, { route = '', body = '', follow, input }) =>
      maker.isOwnWay === true &&
      (ODD.includes(route) ||
        input === 'URL with a fragment' ||
        (route !== 'none' && (follow !== 'absent' || STREAM.test(body)))),
  },
]

/** The facets of a call that may differ. */
export function known(maker: Maker, recipe: Recipe): ReadonlySet<string> {
  return new Set(KNOWN.filter((each) => each.applies(maker, recipe)).flatMap((each) => each.facets))
}
