import { NAMES } from '../../support/wire.ts'
import type { CallShape, Result } from './call.ts'
import { documented } from './documented.ts'
import type { Arrival, Origins, Servers } from './servers.ts'
import type { StackShape } from './stack.ts'

export const KINDS = [
  'key at a foreign origin',
  'key of another session',
  'different from the bare stack',
  'header of the caller changed',
  'key missing',
  'empty header',
] as const

export interface Fault {
  readonly kind: (typeof KINDS)[number] | 'documented'
  readonly detail: string
}

/** One call through a stack and through the same stack without our interceptor, and what the servers received from each. */
export interface Played {
  readonly stack: StackShape
  readonly call: CallShape
  readonly origins: Origins
  readonly results: { readonly ours: Result[]; readonly bare: Result[] }
  readonly arrivals: { readonly ours: Arrival[]; readonly bare: Arrival[] }
  readonly passes: Servers['passes']
}

export function judge(played: Played): Fault[] {
  const { call, arrivals } = played
  const { own } = call
  if (own === null) return [...differences(played), ...arrivals.ours.flatMap((each) => misplaced(each, played))]
  // In the bare stack too: the guard of one stack must not affect other stacks in the process.
  const changed = [...arrivals.ours, ...arrivals.bare].filter((each) => keysOf(each).join() !== own[1])
  const kind = 'header of the caller changed'
  return [
    ...differences(played),
    ...changed.map((each) => ({ kind, detail: `${locate(each)}, not ${own[1]}` }) as const),
  ]
}

/** Whether a request arrived at an origin that `origins` names. Both the server and the requested host count. */
function standing({ server, origin, scheme }: Arrival, { home, other }: Origins): 'named' | 'mixed' | 'foreign' {
  if (server === 'foreign' || !home.startsWith(`${scheme}:`)) return 'foreign'
  if (origin === { home, other }[server]) return 'named'
  // `dns` replaces the name with the address, and keeps the name in the Host header.
  return origin === home || origin === other ? 'mixed' : 'foreign'
}

function misplaced(arrival: Arrival, { stack, call, origins, passes }: Played): Fault[] {
  const keys = keysOf(arrival)
  const where = standing(arrival, origins)
  const at = locate(arrival)
  const faults: Fault[] = []
  if (keys.includes('')) return [{ kind: 'empty header', detail: at }]
  if (keys.length > 0 && where === 'foreign') faults.push({ kind: 'key at a foreign origin', detail: at })
  const expected = call.caller === 'session' ? call.session : undefined
  if (keys.some((key) => key !== expected)) faults.push({ kind: 'key of another session', detail: at })
  if (expected === undefined || where !== 'named' || keys.length === NAMES.length) return faults
  const passed = passes.findLast(({ at, step }) => at < arrival.at && step <= arrival.step)?.origin
  const isForeign = passed !== origins.home && passed !== origins.other
  const reason = isForeign ? documented.find(({ applies }) => applies(stack))?.reason : undefined
  return [
    ...faults,
    reason === undefined ? { kind: 'key missing', detail: at } : { kind: 'documented', detail: reason },
  ]
}

function locate(arrival: Arrival): string {
  const { step, server, origin } = arrival
  return `step ${step} at ${server} as ${origin}: ${keysOf(arrival).join(', ') || 'no key'}`
}

function keysOf({ headers }: Arrival): string[] {
  return headers.filter(([name]) => NAMES.includes(name)).map(([, value]) => value)
}

function differences({ call, results, arrivals }: Played): Fault[] {
  const kind = 'different from the bare stack'
  const faults: Fault[] = []
  const [ours, bare] = [results.ours, results.bare].map((each) => plain(JSON.stringify(each)))
  if (ours !== bare) faults.push({ kind, detail: `result ${ours}, bare ${bare}` })
  const received = (list: Arrival[]): string[] => list.map((each) => plain(lineOf(each, call.own !== null))).toSorted()
  const [sent, expected] = [received(arrivals.ours), received(arrivals.bare)]
  const more = sent.filter((line, i) => line !== expected[i])
  const fewer = expected.filter((line, i) => line !== sent[i])
  if (more.length + fewer.length > 0) {
    faults.push({
      kind,
      detail: `servers received ${more.join(' | ') || 'nothing'}, bare ${fewer.join(' | ') || 'nothing'}`,
    })
  }
  return faults
}

// A request without what we add. Sorted, since the containers that undici copies headers to differ in order.
function lineOf({ step, origin, server, method, session, headers, body }: Arrival, isWhole: boolean): string {
  const others = headers.filter(([name]) => name !== 'if-modified-since' && (isWhole || !NAMES.includes(name)))
  return `${method} ${origin} (${server}) step ${step} for ${session} ${JSON.stringify(others.toSorted())} ${body}`
}

// Normalises ids: the same call has another id in the bare stack.
function plain(line: string | undefined): string {
  return (line ?? '').replaceAll(/\b[ob](\d+)(?=\/|"| |$)/g, '#$1')
}
