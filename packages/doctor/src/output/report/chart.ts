import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { median } from 'simple-statistics'
import { ARMS, type Arm, type Call } from '../../client/calls.js'

/** The titles of the arms. */
export const ARM_NAMES: Readonly<Record<Arm, string>> = { affinity: 'With the key', control: 'Without the key' }

/** Milliseconds to the first token of one turn, in one arm. */
interface Point {
  readonly arm: string
  readonly turn: number
  readonly ms: number
}

/** The median of each arm and turn. */
export function medians(calls: readonly Call[]): readonly Point[] {
  return ARMS.flatMap((arm) => {
    const turns = Map.groupBy(pointsOf(calls.filter((call) => call.arm === arm)), ({ turn }) => turn)
    return [...turns]
      .toSorted(([a], [b]) => a - b)
      .map(([turn, points]) => {
        return { arm: ARM_NAMES[arm], turn, ms: median(points.map(({ ms }) => ms)) }
      })
  })
}

function pointsOf(calls: readonly Call[]): Point[] {
  return calls.flatMap(({ arm, turn, answer: { ttft, fault } }) =>
    ttft === undefined || fault !== undefined ? [] : [{ arm: ARM_NAMES[arm], turn, ms: ttft }],
  )
}

/** The time to the first token of every call by turn, with the medians as lines, as the text of an SVG. Empty: no call had one. */
export function chartOf(calls: readonly Call[], width: number): string {
  const points = pointsOf(calls)
  if (points.length === 0) return ''
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const turns = [...new Set(points.map(({ turn }) => turn))].toSorted((a, b) => a - b)
  // Side by side within a turn, so that neither arm hides the other.
  const offset = (point: Point): number => point.turn + (point.arm === ARM_NAMES.affinity ? -0.08 : 0.08)
  const arms = ARMS.map((arm) => ARM_NAMES[arm])
  const of = { x: offset, y: 'ms', stroke: 'arm' } as const
  const svg = Plot.plot({
    document,
    width,
    height: Math.round(Math.min(340, width * 0.62)),
    marginLeft: 52,
    marginBottom: 40,
    style: { fontSize: '13px', background: 'none' },
    x: { domain: [(turns[0] ?? 1) - 0.4, (turns.at(-1) ?? 1) + 0.4], ticks: turns, tickFormat: 'd', label: 'turn' },
    y: { label: 'ms to the first token', grid: true, zero: true, nice: true },
    color: { domain: arms, range: ['var(--with)', 'var(--without)'] },
    symbol: { domain: arms, range: ['circle', 'square'] },
    marks: [
      Plot.ruleY([0]),
      Plot.dot(points, { ...of, symbol: 'arm', r: 3, strokeOpacity: 0.45 }),
      Plot.line(medians(calls), { ...of, strokeWidth: 2.5 }),
      Plot.dot(medians(calls), { ...of, symbol: 'arm', fill: 'arm', r: 5 }),
    ],
  })
  svg.setAttribute('aria-hidden', 'true')
  return svg.outerHTML
}
