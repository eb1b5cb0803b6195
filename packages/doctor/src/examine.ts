import { type Gateway, gateways } from 'llm-affinity/gateways'
import type { Call } from './calls.js'
import { findingsOf } from './findings.js'
import { grouped } from './grouped.js'
import { callerAt, type Place } from './line.js'
import { callsOf, planOf } from './plan.js'
import { play } from './play.js'
import { type Bench, findName, findOrigin, heedsKey } from './probes.js'
import type { Progress } from './progress.js'
import { Purse } from './purse.js'
import { reach } from './reach.js'
import { providerAt, type Recognised, recognise } from './recognise.js'
import { rowFor, type Settings } from './settings.js'
import { type Sight, sightOf } from './sight.js'
import { speakers } from './speakers.js'
import { type Findings, type Judgement, judge, type Probes } from './verdict.js'

/** All that a run has shown. */
export interface Examination {
  readonly judgement: Judgement
  readonly findings: Findings
  readonly calls: readonly Call[]
  readonly sight: Sight | undefined
  readonly gateway: { readonly name: string; readonly known: 'named' | 'recognised' | 'by host' | 'assumed' }
  readonly spent: { readonly calls: number; readonly tokens: number; readonly seconds: number }
}

/** Milliseconds. */
export interface Limits {
  /** What all may take. */
  readonly all: number
  /** What the arms may take of it; the rest is for probes. */
  readonly arms: number
  /** What one call may take. */
  readonly call: number
}

const LIMITS: Limits = { all: 55_000, arms: 38_000, call: 20_000 }

/** Has the conversations, and judges. Rejects with `Unreached` where the gateway cannot be spoken to at all. */
export async function examine(settings: Settings, progress: Progress, limits: Limits = LIMITS): Promise<Examination> {
  const begun = performance.now()
  const purse = new Purse(settings.budget)
  const make = (apiKey: string) => speakers[settings.api]({ ...settings, apiKey })
  const base = {
    speaker: make(settings.apiKey ?? 'none'),
    signal: AbortSignal.timeout(limits.all),
    patience: limits.call,
  }

  const expected = rowFor(settings) ?? providerAt(new URL(settings.baseUrl).hostname)
  // Who refuses calls without a key gets another one each time, which comes to the same.
  const callerWithout = (at: Place) => callerAt(at, expected?.strict ? expected : undefined)

  progress.say('Reaching the gateway')
  const { form, answers, listed } = await reach(settings, base, purse, callerWithout)
  const place: Place = { ...base, form }
  const first = answers.find(({ fault }) => fault === undefined)
  const known = first && recognise(first.headers)
  const gateway = expected ?? known?.row
  const plan = planOf(settings, purse)

  let done = 0
  const calls = first
    ? await play(
        { ...place, signal: AbortSignal.any([base.signal, AbortSignal.timeout(limits.arms)]) },
        purse,
        plan,
        gateway ?? 'by host',
        callerWithout,
        () => {
          done += 1
          const all = callsOf(plan)
          progress.say(`${done} of ${all} calls, ${grouped(purse.spent)} tokens`, done / all)
        },
      )
    : answers.map((answer, at): Call => ({ arm: 'control', conversation: at + 1, turn: 1, answer }))

  const row = rowStamped(calls, gateway)
  const sight = sightOf(calls, row.name)
  const bench: Bench = {
    place,
    purse,
    sight,
    length: plan.length,
    host: new URL(settings.baseUrl).hostname,
    stranger: settings.apiKey === undefined ? make : undefined,
  }
  const found = findingsOf(
    calls,
    row,
    sight,
    known,
    first !== undefined && calls.length < callsOf(plan) ? purse : undefined,
    listed,
  )
  const { judgement, findings } = await settled(found, (probe) => {
    progress.say(PROBING[probe])
    return {
      names: () => findName(bench, found.carriers),
      key: () => heedsKey(bench, row),
      origin: () => findOrigin(bench),
    }[probe]()
  })
  return {
    judgement,
    findings,
    calls,
    sight,
    gateway: { name: row.name, known: howKnown(settings, known, row) },
    spent: { calls: purse.calls, tokens: purse.spent, seconds: (performance.now() - begun) / 1000 },
  }
}

const PROBING: Readonly<Record<keyof Probes, string>> = {
  names: 'Conversations move: trying other names for the key',
  key: 'Conversations stay without a key too: trying whether the key is heeded',
  origin: 'One backend has answered all: trying other addresses and credentials',
}

/** Judges, finds out what would make it surer, and judges again. */
async function settled(
  findings: Findings,
  probe: (name: keyof Probes) => Promise<Probes[keyof Probes]>,
): Promise<{ readonly judgement: Judgement; readonly findings: Findings }> {
  let now = findings
  for (;;) {
    const judgement = judge(now)
    const { ask } = judgement
    if (ask === undefined) return { judgement, findings: now }
    const result = await probe(ask)
    if (result === undefined) return { judgement, findings: now }
    now = { ...now, probes: { ...now.probes, [ask]: result } }
  }
}

/** The row that the seam has really used. */
function rowStamped(calls: readonly Call[], gateway: Gateway | undefined): Gateway {
  if (gateway !== undefined) return gateway
  const heard = calls.find(({ answer }) => answer.outcome !== undefined)?.answer.outcome?.gateway
  // Who heard of no outcome was not stamped; where nothing was asked, nothing is known.
  const isAsked = calls.some(({ arm }) => arm === 'affinity')
  return gateways.get(heard ?? (isAsked ? 'none' : 'generic')) ?? { name: 'none', headers: [] }
}

function howKnown(
  { gateway, header }: Settings,
  known: Recognised | undefined,
  row: Gateway,
): Examination['gateway']['known'] {
  if (gateway !== undefined || header !== undefined) return 'named'
  if (known?.row.name === row.name) return 'recognised'
  return row.hosts === undefined ? 'assumed' : 'by host'
}
