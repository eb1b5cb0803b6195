import type { Gateway } from 'llm-affinity/gateways'
import type { Answer, Arm, Call, Fault } from '../client/calls.js'
import type { TokenBudget } from '../client/token-budget.js'
import type { BackendIdentifier } from './backend-identifier.js'
import { type Figures, figuresOf } from './figures.js'
import type { Recognised } from './recognise-gateway.js'

/**
 * What the calls of both arms have shown, before anything is probed.
 *
 * @param short Present where not all calls were made.
 * @param listed Whether the gateway lists the model, where it had to be asked.
 */
export function collectFindings(
  calls: readonly Call[],
  row: Gateway,
  sight: BackendIdentifier | undefined,
  known: Recognised | undefined,
  short: TokenBudget | undefined,
  listed: boolean,
): Findings {
  const { outcome, source } = row.evidence ?? {}
  const answers: readonly Answer[] = calls.map(({ answer }) => answer)
  return {
    figures: {
      affinity: figuresOf(calls, 'affinity', sight, { outcome, source }),
      control: figuresOf(calls, 'control', sight, { outcome, source }),
    },
    gateway: row,
    carriers: carriersOf(row, answers),
    faults: answers.flatMap(({ fault }) => fault ?? []),
    invalidCachedTokens: answers.some(({ invalidCachedTokens: nonsense }) => nonsense === true),
    echoedIn: [...new Set(answers.flatMap(({ echoes }) => echoes))],
    issuedTokens: issuedTokens(row, answers),
    probes: {},
    ...(sight && { identifier: { by: sight.by, isSure: sight.isReliable } }),
    ...(known?.isSure && { recognised: known.gateway.name }),
    ...(listed && { isModelListed: listed }),
    ...(short && { stoppedBy: short.isExhausted ? ('budget' as const) : ('time' as const) }),
  }
}

// As the row has them: its own name first.
function carriersOf({ headers }: Gateway, answers: readonly Answer[]): string[] {
  const seen = new Set(answers.flatMap(({ carriers }) => carriers))
  return [...headers.filter((name) => seen.has(name)), ...(seen.has('body') ? ['body'] : [])]
}

const TOKEN = /session|affinity|sticky|turn-state/

/** What answers hand out to be sent back, but for what the row knows better. */
function issuedTokens({ evidence = {} }: Gateway, answers: readonly Answer[]): string[] {
  const known: readonly unknown[] = Object.values(evidence).flat()
  const cookies = answers.flatMap((answer) => [...answer.cookies.keys()].map((name) => `cookie ${name}`))
  const headers = answers.flatMap(({ headers, echoes }) =>
    [...headers.keys()].filter((name) => TOKEN.test(name) && !known.includes(name) && !echoes.includes(name)),
  )
  return [...new Set([...cookies, ...headers])]
}

/** All that is known when a verdict is given. */
export interface Findings {
  readonly figures: Readonly<Record<Arm, Figures>>
  /** What names the backends. */
  readonly identifier?: { readonly by: string; readonly isSure: boolean }
  /** The row that was stamped with. */
  readonly gateway: Gateway
  /** What the gateway was recognised as, by headers that no other has. */
  readonly recognised?: string
  /** Where the key really stood in what was sent: names of headers, `body`. */
  readonly carriers: readonly string[]
  readonly faults: readonly Fault[]
  /** Why there are fewer calls than there were to be. */
  readonly stoppedBy?: 'time' | 'budget'
  /** No call was answered, and it was asked which models there are: it lists this one. */
  readonly isModelListed?: true
  /** Some answers said a number of cached tokens that cannot be one. */
  readonly invalidCachedTokens: boolean
  /** Headers in which the key came back. */
  readonly echoedIn: readonly string[]
  /** What the gateway handed out and may want back: names of cookies, and of headers with a token of its own. */
  readonly issuedTokens: readonly string[]
  /** Absent: not looked for. */
  readonly probes: Probes
}

export interface Probes {
  /** The header under which a key is heeded, if there is one among all that we know. */
  readonly names?: {
    readonly tried: number
    readonly found?: string
    /** It is one of these; budget or time did not reach to say which. */
    readonly among?: readonly string[]
  }
  /** Whether one key keeps calls with nothing else in common together, and other keys lead the same call elsewhere. */
  readonly key?: { readonly heeded: boolean }
  /** Whether calls go elsewhere that come from other addresses, or with other credentials. Absent member: not possible here. */
  readonly origin?: { readonly address?: boolean; readonly credential?: boolean }
}
