// Machines are noisy in ways that last for seconds: a neighbour, a clock step, a heap that grows. So everything that is
// compared runs side by side, in short rounds that take turns, and only rounds that ran side by side are divided.

import { median, shuffle } from 'simple-statistics'
import { addedOf, type Estimate, ratioOf } from './stats.ts'

/** One of the ways that are compared. */
export interface Arm {
  /** Makes so many calls, and resolves when all are answered: to the CPU time that they took, in microseconds. */
  time(calls: number): Promise<number>
}

/** How one figure is made of the arms, each given by its name. */
export type Figure =
  | { readonly name: string; readonly of: string; readonly to: string }
  | { readonly name: string; readonly of: string; readonly timesWhat: string; readonly addsTo: string }

/** The usual figures: ours against what one would write by hand, and that against itself. */
export function againstByHand(name: string): readonly Figure[] {
  return [
    { name, of: 'ours', to: 'by hand' },
    { name: `${name}-noise`, of: 'again', to: 'by hand' },
  ]
}

export interface Experiment {
  readonly arms: Readonly<Record<string, Arm>>
  readonly figures: readonly Figure[]
  close?(): Promise<void>
}

export interface Effort {
  readonly rounds: number
  readonly roundMs: number
  readonly warmUpMs: number
}

export interface Row extends Estimate {
  readonly name: string
  readonly means: string
}

export interface Measured {
  readonly rows: readonly Row[]
  /** The median of each arm, in microseconds of CPU time a call. */
  readonly cost: ReadonlyMap<string, number>
}

/** The name that every experiment gives to a second arm that does exactly what another does: the noise. */
const AGAIN = 'again'

export async function measure(experiment: Experiment, effort: Effort): Promise<Measured> {
  const arms = Object.entries(experiment.arms)
  const calls = await callsPerRound(
    arms.map(([, arm]) => arm),
    effort,
  )
  const times = new Map(arms.map(([name]) => [name, [] as number[]]))
  let turn: typeof arms = []
  for (let round = 0; round < effort.rounds; round++) {
    turn = inTurn(arms, round, turn)
    for (const [name, arm] of turn) times.get(name)?.push((await arm.time(calls)) / calls)
  }
  const of = (name: string): readonly number[] => {
    const found = times.get(name)
    if (found === undefined) throw new Error(`Expected one of ${[...times.keys()].join(', ')}, got ${name}`)
    return found
  }
  return {
    rows: experiment.figures.map((figure) => rowOf(figure, of)),
    cost: new Map([...times].map(([name, all]) => [name, median(all)])),
  }
}

function rowOf(figure: Figure, times: (arm: string) => readonly number[]): Row {
  const { name, of } = figure
  if ('to' in figure) return { name, means: `${of} / ${figure.to}`, ...ratioOf(times(of), times(figure.to)) }
  const { addsTo, timesWhat } = figure
  const noise = ratioOf(times(AGAIN), times(addsTo))
  return {
    name,
    means: `(${of} - ${addsTo}) / (${timesWhat} - ${addsTo})`,
    ...addedOf(times(of), times(timesWhat), times(addsTo), (noise.high - noise.low) / 2),
  }
}

// Drawn anew for each two rounds, the second of which runs the other way: an arm that leaves a mess behind does so to
// every other one, and no arm runs more often first.
function inTurn<T>(arms: readonly T[], round: number, last: readonly T[]): T[] {
  return round % 2 === 0 ? shuffle([...arms]) : [...last].reverse()
}

async function callsPerRound(arms: readonly Arm[], { roundMs, warmUpMs }: Effort): Promise<number> {
  let calls = 16
  let spent = 0
  let last = 0
  while (spent < warmUpMs * 1000) {
    last = 0
    for (const arm of arms) last += await arm.time(calls)
    spent += last
    if (last / arms.length < (roundMs * 1000) / 2) calls *= 2
  }
  return Math.max(16, Math.round((calls * roundMs * 1000 * arms.length) / last))
}

/**
 * An arm in this process. It takes the time of the whole process: what a call costs here, whatever the server and the
 * machine's other users do meanwhile. Not that of the thread, which Linux counts in ticks of 4 ms while the thread runs.
 */
export function inProcess(run: (calls: number) => Promise<unknown>): Arm {
  return {
    time: async (calls) => {
      // What one arm has left on the heap is not for the next to clear.
      globalThis.gc?.({ type: 'minor' })
      const from = process.cpuUsage()
      await run(calls)
      const { user, system } = process.cpuUsage(from)
      return user + system
    },
  }
}
