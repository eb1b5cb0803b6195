// Where ours may differ from the bare fetch, and why. As short as it can be.

import type { Recipe } from './arguments.ts'
import type { Maker } from './makers.ts'

interface Known {
  readonly why: string
  /** What may differ. */
  readonly facets: readonly string[]
  applies(maker: Maker, recipe: Recipe): boolean
}

// Node's own fetch follows redirects itself. It would take a body along unchanged, so that a body field is not left to it.
function isByHand({ isPlatform }: Maker, { route, setup = '' }: Recipe): boolean {
  return route !== 'none' && (!isPlatform || setup.startsWith('a body field'))
}

const RESULT = 'status statusText url redirected type ok headers body bodyUsed made'.split(' ')

// Where a Location is odd, and where the number of redirects matters.
const ODD = [
  ...['UTF-8', 'Latin-1', 'a bad URL', 'a bad port', 'ftp', 'data', 'blank', 'script', 'twenty', 'endless', 'three'],
  ...['userinfo here', 'userinfo away', 'empty', 'a fragment', 'a fragment alone', 'a fragment, then none'],
]

const STREAM = /stream|Readable|generator/
const ABROAD = ['away', 'same, then away', 'away and back', 'away, then on there', 'without a scheme']

const KNOWN: readonly Known[] = [
  {
    why: 'each hop that is followed by hand is a fetch of its own to the performance timeline',
    facets: ['timing'],
    applies: isByHand,
  },
  {
    why: 'the answer at the end of a redirect has `redirected` as a property of its own: nothing else can set it',
    facets: ['own'],
    applies: isByHand,
  },
  {
    why: 'what is wrong with a redirect is a TypeError "fetch failed" as on the platform, but its cause is in our words',
    facets: ['cause'],
    applies: isByHand,
  },
  {
    why: 'a URL with credentials is refused by the fetch that a hop is made with, in its own words',
    facets: ['error'],
    applies: (maker, recipe) => isByHand(maker, recipe) && recipe.route === 'userinfo here',
  },
  {
    why: 'a hop to another origin is a call of its own to the fetch below, which calls its answer "basic" and not "cors"',
    facets: ['type'],
    applies: (maker, recipe) => isByHand(maker, recipe) && ABROAD.includes(recipe.route ?? ''),
  },
  {
    why: 'a clone is made by the fetch below, to which its answer was not redirected',
    facets: ['cloneRedirected'],
    applies: isByHand,
  },
  {
    why: 'what is given up while it is being sent may have arrived or not, with nothing of ours',
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
    why: 'node-fetch and @whatwg-node/fetch keep and drop other headers on a redirect than the standard, which ours follows',
    facets: ['hopHeaders', 'error', 'closed'],
    applies: (maker, recipe) => maker.isOwnWay === true && isByHand(maker, recipe),
  },
  {
    why: '@whatwg-node/fetch writes into the headers that it is given, so that frozen ones fail; ours gives it a copy',
    facets: ['outcome', 'error', 'cause', 'first', 'firstHeaders', 'hops', 'hopHeaders', 'closed'],
    applies: ({ isUnordered }, { headers }) => isUnordered === true && headers === 'frozen',
  },
  {
    why: 'a copy of the Headers of @whatwg-node/fetch has names in lower case: nothing can read others from them',
    facets: ['firstHeaders'],
    applies: ({ isUnordered }, { headers, init }) =>
      isUnordered === true && (headers === "the maker's Headers" || init === 'a Request'),
  },
  {
    why: 'a Request does not tell that its body was a stream: ours sends that again, where the bare fetch gives up',
    facets: ['outcome', 'error', 'hops', 'hopHeaders', 'closed'],
    applies: (maker, recipe) =>
      isByHand(maker, recipe) && /Request/.test(recipe.input ?? '') && STREAM.test(recipe.body ?? ''),
  },
  {
    why: 'they read an odd Location, count redirects and send a stream again otherwise than the standard, too',
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
