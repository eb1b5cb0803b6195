import type { Gateway } from 'llm-affinity/gateways'
import type { Answer, Call } from './calls.js'
import { figuresOf } from './figures.js'
import type { Purse } from './purse.js'
import type { Recognised } from './recognise.js'
import type { Sight } from './sight.js'
import type { Findings } from './verdict.js'

/**
 * What the calls of both arms have shown, before anything is probed.
 *
 * @param short Present where not all calls were made.
 * @param listed Whether the gateway lists the model, where it had to be asked.
 */
export function findingsOf(
  calls: readonly Call[],
  row: Gateway,
  sight: Sight | undefined,
  known: Recognised | undefined,
  short: Purse | undefined,
  listed: boolean,
): Findings {
  const { outcome, source } = row.evidence ?? {}
  const answers: readonly Answer[] = calls.map(({ answer }) => answer)
  return {
    figures: {
      affinity: figuresOf(calls, 'affinity', sight, { outcome, source }),
      control: figuresOf(calls, 'control', sight, { outcome, source }),
    },
    row,
    carriers: carriersOf(row, answers),
    faults: answers.flatMap(({ fault }) => fault ?? []),
    nonsense: answers.some(({ nonsense }) => nonsense === true),
    echoed: [...new Set(answers.flatMap(({ echoes }) => echoes))],
    issued: issuedIn(row, answers),
    probes: {},
    ...(sight && { sight: { by: sight.by, isSure: sight.isSure } }),
    ...(known?.isSure && { recognised: known.row.name }),
    ...(listed && { listed }),
    ...(short && { cut: short.isShort ? ('budget' as const) : ('time' as const) }),
  }
}

// As the row has them: its own name first.
function carriersOf({ headers }: Gateway, answers: readonly Answer[]): string[] {
  const seen = new Set(answers.flatMap(({ carriers }) => carriers))
  return [...headers.filter((name) => seen.has(name)), ...(seen.has('body') ? ['body'] : [])]
}

const TOKEN = /session|affinity|sticky|turn-state/

/** What answers hand out to be sent back, but for what the row knows better. */
function issuedIn({ evidence = {} }: Gateway, answers: readonly Answer[]): string[] {
  const known: readonly unknown[] = Object.values(evidence)
  const cookies = answers.flatMap((answer) => [...answer.cookies.keys()].map((name) => `cookie ${name}`))
  const headers = answers.flatMap(({ headers, echoes }) =>
    [...headers.keys()].filter((name) => TOKEN.test(name) && !known.includes(name) && !echoes.includes(name)),
  )
  return [...new Set([...cookies, ...headers])]
}
