import { type Gateway, gatewayAt, gateways } from 'llm-affinity/gateways'
import { type BackendIdentifier, identifyBackends } from '../analysis/backend-identifier.js'
import { collectFindings, type Findings, type Probes } from '../analysis/findings.js'
import { type Recognised, recogniseGateway } from '../analysis/recognise-gateway.js'
import { adapters } from '../client/api-adapters.js'
import type { Call } from '../client/calls.js'
import { type Connection, connectClient } from '../client/chat-client.js'
import { chosenGateway, type Options } from '../client/options.js'
import { TokenBudget } from '../client/token-budget.js'
import { groupDigits } from '../util/format.js'
import type { Progress } from '../util/progress.js'
import { judge } from '../verdict/judge.js'
import type { Judgement } from '../verdict/verdict.js'
import { runArms } from './arms.js'
import { callsOf, planOf } from './plan.js'
import { preflight } from './preflight.js'
import { type ProbeContext, probeClientIdentity, probeHeaderNames, probeKey } from './probes.js'

/** All that a run has shown. */
export interface Examination {
  readonly judgement: Judgement
  readonly findings: Findings
  readonly calls: readonly Call[]
  readonly identifier: BackendIdentifier | undefined
  readonly gateway: { readonly name: string; readonly known: 'named' | 'recognised' | 'by host' | 'assumed' }
  readonly spent: { readonly calls: number; readonly tokens: number; readonly seconds: number }
}

/** Milliseconds. */
export interface Limits {
  /** What all may take. */
  readonly totalMs: number
  /** What the arms may take of it; the rest is for probes. */
  readonly armsMs: number
  /** What one call may take. */
  readonly callTimeoutMs: number
}

const LIMITS: Limits = { totalMs: 55_000, armsMs: 38_000, callTimeoutMs: 20_000 }

/** Has the conversations, and judges. Rejects with `Unreached` where the gateway cannot be spoken to at all. */
export async function examine(settings: Options, progress: Progress, limits: Limits = LIMITS): Promise<Examination> {
  const begun = performance.now()
  const purse = new TokenBudget(settings.budget)
  const make = (apiKey: string) => adapters[settings.api]({ ...settings, apiKey })
  const base = {
    adapter: make(settings.apiKey ?? 'none'),
    signal: AbortSignal.timeout(limits.totalMs),
    callTimeoutMs: limits.callTimeoutMs,
  }

  const expected = chosenGateway(settings) ?? gatewayAt(new URL(settings.baseUrl).hostname)
  // Who refuses calls without a key gets another one each time, which comes to the same.
  const callerWithout = (at: Connection) => connectClient(at, expected?.requiresKey ? expected : undefined)

  progress.report('Reaching the gateway')
  const { form, answers, isModelListed: listed } = await preflight(settings, base, purse, callerWithout)
  const place: Connection = { ...base, form }
  const first = answers.find(({ fault }) => fault === undefined)
  const known = first && recogniseGateway(first.headers)
  const gateway = expected ?? known?.gateway
  const plan = planOf(settings, purse)

  let done = 0
  const calls = first
    ? await runArms(
        { ...place, signal: AbortSignal.any([base.signal, AbortSignal.timeout(limits.armsMs)]) },
        purse,
        plan,
        gateway ?? 'by host',
        callerWithout,
        () => {
          done += 1
          const all = callsOf(plan)
          progress.report(`${done} of ${all} calls, ${groupDigits(purse.spent)} tokens`, done / all)
        },
      )
    : answers.map((answer, at): Call => ({ arm: 'control', conversation: at + 1, turn: 1, answer }))

  const row = gatewayUsed(calls, gateway)
  const sight = identifyBackends(calls, row.name)
  const bench: ProbeContext = {
    connection: place,
    budget: purse,
    identifier: sight,
    length: plan.length,
    host: new URL(settings.baseUrl).hostname,
    otherCredential: settings.apiKey === undefined ? make : undefined,
  }
  const found = collectFindings(
    calls,
    row,
    sight,
    known,
    first !== undefined && calls.length < callsOf(plan) ? purse : undefined,
    listed,
  )
  const { judgement, findings } = await judgeWithProbes(found, (probe) => {
    progress.report(PROBING[probe])
    return {
      names: () => probeHeaderNames(bench, found.carriers),
      key: () => probeKey(bench, row),
      origin: () => probeClientIdentity(bench),
    }[probe]()
  })
  return {
    judgement,
    findings,
    calls,
    identifier: sight,
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
async function judgeWithProbes(
  findings: Findings,
  probe: (name: keyof Probes) => Promise<Probes[keyof Probes]>,
): Promise<{ readonly judgement: Judgement; readonly findings: Findings }> {
  let now = findings
  for (;;) {
    const judgement = judge(now)
    const { nextProbe: ask } = judgement
    if (ask === undefined) return { judgement, findings: now }
    const result = await probe(ask)
    if (result === undefined) return { judgement, findings: now }
    now = { ...now, probes: { ...now.probes, [ask]: result } }
  }
}

/** The row that the seam has really used. */
function gatewayUsed(calls: readonly Call[], gateway: Gateway | undefined): Gateway {
  if (gateway !== undefined) return gateway
  const heard = calls.find(({ answer }) => answer.outcome !== undefined)?.answer.outcome?.gateway
  // Who heard of no outcome was not stamped; where nothing was asked, nothing is known.
  const isAsked = calls.some(({ arm }) => arm === 'affinity')
  return gateways.get(heard ?? (isAsked ? 'none' : 'generic')) ?? { name: 'none', headers: [] }
}

function howKnown(
  { gateway, header }: Options,
  known: Recognised | undefined,
  row: Gateway,
): Examination['gateway']['known'] {
  if (gateway !== undefined || header !== undefined) return 'named'
  if (known?.gateway.name === row.name) return 'recognised'
  return row.hosts === undefined ? 'assumed' : 'by host'
}
