import { setTimeout as sleep } from 'node:timers/promises'
import type { AffinityOptions, Outcome } from 'llm-affinity'
import { startReplica } from 'llm-affinity-testkit'
import type { Backends, Program } from '../support/program.ts'
import { speakersTo } from '../support/speakers.ts'
import { type Figures, figures, type Outcomes, outcomesOf } from './figures.ts'
import { Ledger } from './ledger.ts'
import { play, type Traffic } from './play.ts'
import { startTap } from './tap.ts'

/** What was found of a program. */
export interface Found {
  readonly program: Program
  /** Absent where it did not come that far. */
  readonly measured?: Measured
  /** Why it could not be measured, or what went wrong meanwhile. */
  readonly failure?: string
}

export interface Measured {
  readonly stamped: Figures
  /** The same traffic by bare clients, in other words, so that no cache knows it. */
  readonly unstamped: Figures
  /** Of the stamped calls. */
  readonly outcomes: Outcomes
  /** Calls of both that failed. */
  readonly errors: number
}

/** Plays the traffic twice through a program that runs before three replicas. Never rejects. */
export async function measure(program: Program, traffic: Traffic, onCall: () => void): Promise<Found> {
  try {
    const { errors, ...measured } = await played(program, traffic, onCall)
    const [first] = errors
    return {
      program,
      measured: { ...measured, errors: errors.length },
      ...(first !== undefined && {
        failure: inOneLine(`calls that failed: ${errors.length}, the first with ${first}`),
      }),
    }
  } catch (error) {
    return { program, failure: inOneLine(error instanceof Error ? error.message : String(error)) }
  }
}

/** Whether something was measured, and nothing went wrong. */
export function isWell(all: readonly Found[]): boolean {
  return all.length > 0 && all.every(({ failure }) => failure === undefined)
}

type Played = Omit<Measured, 'errors'> & { readonly errors: readonly string[] }

async function played(program: Program, traffic: Traffic, onCall: () => void): Promise<Played> {
  await using stack = new AsyncDisposableStack()
  const ledger = new Ledger()
  const start = async (name: string) => {
    // All that it ever reads stays cached: what is missed is missed for being elsewhere.
    const replica = stack.use(await startReplica({ name, cacheTokens: Number.POSITIVE_INFINITY }))
    return stack.use(await startTap(replica, (read) => ledger.enter(read)))
  }
  const backends: Backends = await Promise.all([start('A'), start('B'), start('C')])
  const names = backends.map(({ name }) => name)
  const { origin } = stack.use(await program.start(backends))
  const heard: Outcome[] = []
  const onOutcome = (outcome: Outcome): void => {
    heard.push(outcome)
  }

  const apis = (affinity?: AffinityOptions) =>
    program.speaks.map((api) => speakersTo(origin + (program.basePath?.[api] ?? ''), [api], affinity))
  const bareErrors = await inTime(play(apis(), traffic, onCall))
  const unstamped = figures(ledger.take(), names)
  const wrappedErrors = await inTime(play(apis({ gateway: program.gateway, onOutcome }), traffic, onCall))
  const stamped = figures(ledger.take(), names)
  return { stamped, unstamped, outcomes: outcomesOf(heard), errors: [...wrappedErrors, ...bareErrors] }
}

/** Milliseconds for all the traffic. One that does not answer must not keep the others from their turn. */
const PATIENCE = 120_000

async function inTime<T>(task: Promise<T>): Promise<T> {
  const over = new AbortController()
  const late = sleep(PATIENCE, undefined, { signal: over.signal }).then(() => {
    throw new Error(`the calls were not all answered within ${PATIENCE / 1000} seconds`)
  })
  try {
    return await Promise.race([task, late])
  } finally {
    over.abort()
  }
}

// Programs say much when they fail, and the reason often at the end.
function inOneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= 600 ? line : `${line.slice(0, 200)} ... ${line.slice(-395)}`
}
