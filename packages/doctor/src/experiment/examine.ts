import { type Gateway, gatewayAt, gateways } from 'llm-affinity/gateways'
import type { BackendIdentifier } from '../analysis/backend-identifier.js'
import type { CacheReading } from '../analysis/cache-steps.js'
import { type Analysis, analyse, type Context, type Findings, issuedTokens, type Probes } from '../analysis/findings.js'
import { type Recognised, recogniseGateway } from '../analysis/recognise-gateway.js'
import { adapters } from '../client/api-adapters.js'
import type { Answer, Call } from '../client/calls.js'
import { type ChatClient, type Connection, connectClient, type GatewayChoice } from '../client/chat-client.js'
import { chosenGateway, type Options } from '../client/options.js'
import { Pacer } from '../client/pacer.js'
import { TokenBudget } from '../client/token-budget.js'
import { groupDigits } from '../util/format.js'
import type { Progress } from '../util/progress.js'
import { evidenceOf, judge } from '../verdict/judge.js'
import type { Judgement } from '../verdict/verdict.js'
import { always, playArms } from './arms.js'
import { callsOf, type Plan, shorten, sizeOf } from './plan.js'
import { preflight } from './preflight.js'
import { prepare } from './prepare.js'
import { type ProbeContext, probeClientIdentity, probeHeaderNames, probeKey, tokensForNames } from './probes.js'

/** The result of a run. */
export interface Examination {
  readonly judgement: Judgement
  readonly findings: Findings
  readonly calls: readonly Call[]
  readonly identifier: BackendIdentifier | undefined
  readonly caches: CacheReading
  readonly gateway: { readonly name: string; readonly known: 'named' | 'recognised' | 'by host' | 'assumed' }
  readonly spent: { readonly calls: number; readonly tokens: number; readonly seconds: number }
}

/** Milliseconds. */
export interface Limits {
  /** The whole run. */
  readonly totalMs: number
  /** The conversations; the rest of the time is for probes. */
  readonly armsMs: number
  /** One call. */
  readonly callTimeoutMs: number
}

const LIMITS: Limits = { totalMs: 55_000, armsMs: 38_000, callTimeoutMs: 20_000 }
/** How often more conversations are played where the first ones did not decide. */
const MAX_ROUNDS = 3

/** Plays the conversations, and judges. Rejects with `PreflightError` where the gateway cannot be examined at all. */
export async function examine(options: Options, progress: Progress, limits: Limits = LIMITS): Promise<Examination> {
  const begun = performance.now()
  // All long pauses of a round take less than twice the longest.
  const pausesMs = 2000 * (options.pause ?? 0) * MAX_ROUNDS
  const budget = new TokenBudget(options.budget)
  const makeAdapter = (apiKey: string) => adapters[options.api]({ ...options, apiKey })
  const signal = AbortSignal.timeout(limits.totalMs + pausesMs)
  const base = {
    adapter: makeAdapter(options.apiKey ?? 'none'),
    signal,
    callTimeoutMs: limits.callTimeoutMs,
    pacer: new Pacer(options.concurrency, signal),
  }
  const expected = chosenGateway(options) ?? gatewayAt(new URL(options.baseUrl).hostname)

  progress.report('Reaching the gateway')
  const first = await preflight(options, base, budget, {
    withoutKey: (at) => connectClient(at, expected?.requiresKey ? expected : undefined),
    withKey: (at) => connectClient(at, expected ?? 'by host'),
  })
  const answer = first.answers.find(({ fault }) => fault === undefined)
  const recognised = answer && recogniseGateway(answer.headers)
  const selected = expected ?? recognised?.gateway
  const gateway = first.requiresKey && selected !== undefined ? { ...selected, requiresKey: true } : selected
  const stamping: GatewayChoice = gateway ?? 'by host'
  const learned = learnedNames(options, selected, answer)
  const connection: Connection = { ...base, form: first.form, ...(learned && { learned }) }
  // A gateway that rejects calls without a key gets a new one with each call, which pins nothing.
  const requiresKey = first.requiresKey || expected?.requiresKey === true
  const connectWithout = (at: Connection) => connectClient(at, requiresKey ? stamping : undefined)

  const arms = answer && {
    ...(await prepare(options, budget, connection, answer, stamping, progress)),
    connection: { ...connection, signal: AbortSignal.any([signal, AbortSignal.timeout(limits.armsMs + pausesMs)]) },
  }
  const calls: Call[] = arms
    ? []
    : first.answers.map((each, index) => ({ arm: 'control', conversation: index + 1, turn: 1, answer: each }))
  const planned = { calls: 0, rounds: 0 }
  const playRound = async (plan = arms?.plan): Promise<void> => {
    if (arms === undefined || plan === undefined) return
    let inRound = 0
    planned.calls += callsOf(plan)
    calls.push(
      ...(await playBothArms(arms.connection, budget, plan, stamping, connectWithout, planned.rounds, () => {
        inRound += 1
        const done = calls.length + inRound
        progress.report(`${done} of ${planned.calls} calls, ${groupDigits(budget.spent)} tokens`, done / planned.calls)
      })),
    )
    planned.rounds += 1
  }
  await playRound()

  const used = gatewayUsed(calls, gateway, requiresKey)
  const context = (probes: Probes): Context => ({
    gateway: used,
    recognised,
    stoppedBy: calls.length >= planned.calls ? undefined : budget.isExhausted ? 'budget' : 'time',
    isModelListed: first.isModelListed,
    canPlayMore: arms !== undefined && planned.rounds < MAX_ROUNDS && canAfford(arms.plan, budget, arms.connection),
    target: { baseUrl: withoutCredentials(options.baseUrl), model: options.model, budget: options.budget },
    backendHeader: options.backendHeader,
    blockTokens: arms?.blockTokens,
    learned,
    longPauses: arms?.plan.longPauses ?? new Map(),
    probes,
  })
  let analysis = analyse(calls, context({}))
  // Names show where a call went whatever its length, so that a shorter round leaves room for the probe of header names.
  const nextPlan = (last: Analysis): Plan | undefined =>
    arms && (evidenceIdentifier(last) === undefined ? arms.plan : shorten(arms.plan, budget, tokensForNames(budget)))
  const probe = async (name: keyof Probes): Promise<Probes[keyof Probes]> => {
    if (name === 'more') {
      progress.report('Not decided yet: playing more conversations')
      await playRound(nextPlan(analysis))
      return { rounds: planned.rounds }
    }
    progress.report(PROBING[name])
    const own: ProbeContext = {
      connection,
      budget,
      identifier: evidenceIdentifier(analysis),
      plan: arms?.plan ?? NO_PLAN,
      blockTokens: arms?.blockTokens,
      host: new URL(options.baseUrl).hostname,
      connectWithout,
      otherCredential: options.apiKey === undefined ? makeAdapter : undefined,
    }
    return {
      names: () => probeHeaderNames(own, analysis.findings.carriers),
      key: () => probeKey(own, used),
      client: () => probeClientIdentity(own),
    }[name]()
  }
  let judgement = judge(analysis.findings)
  while (judgement.nextProbe !== undefined) {
    const name = judgement.nextProbe
    const result = signal.aborted ? undefined : await probe(name)
    if (result === undefined) break
    analysis = analyse(calls, context({ ...analysis.findings.probes, [name]: result }))
    judgement = judge(analysis.findings)
  }
  return {
    judgement,
    findings: analysis.findings,
    calls,
    identifier: analysis.identifier,
    caches: analysis.caches,
    gateway: { name: used.name, known: howKnown(options, recognised, used) },
    spent: { calls: budget.calls, tokens: budget.spent, seconds: (performance.now() - begun) / 1000 },
  }
}

/** What conversations with the key give back, where the user wants it. */
function learnedNames(
  { learn }: Options,
  gateway: Gateway | undefined,
  answer: Answer | undefined,
): readonly string[] | undefined {
  if (learn === undefined) return undefined
  return learn === true ? issuedTokens(gateway ?? { name: 'generic', headers: [] }, answer ? [answer] : []) : learn
}

const NO_PLAN: Plan = {
  conversations: 0,
  turns: 0,
  pauseMs: 0,
  longPauses: new Map(),
  length: { opening: 0, question: 0 },
}

const PROBING: Readonly<Record<Exclude<keyof Probes, 'more'>, string>> = {
  names: 'Conversations move: trying other header names for the key',
  key: 'Conversations stay without a key too: trying whether the key pins',
  client: 'One backend has answered all calls: trying other addresses and credentials',
}

function playBothArms(
  connection: Connection,
  budget: TokenBudget,
  plan: Plan,
  stamping: GatewayChoice,
  connectWithout: (connection: Connection) => ChatClient,
  round: number,
  onCall: () => void,
): Promise<readonly Call[]> {
  const { conversations } = plan
  return playArms(
    budget,
    connection.signal,
    { ...plan, firstConversation: round * conversations + 1 },
    [
      { arm: 'affinity', conversations, connect: () => always(connectClient(connection, stamping)) },
      { arm: 'control', conversations, connect: () => () => connectWithout(connection) },
    ],
    onCall,
  )
}

function canAfford(plan: Plan, budget: TokenBudget, { signal }: Connection): boolean {
  return !signal.aborted && budget.spent + budget.tokensFor(sizeOf(plan)) < budget.limit
}

// Probes go by names only where the verdict does.
function evidenceIdentifier({ findings, identifier }: Analysis): BackendIdentifier | undefined {
  return evidenceOf(findings) === findings.names ? identifier : undefined
}

/** The gateway that the calls were really stamped for. */
function gatewayUsed(calls: readonly Call[], gateway: Gateway | undefined, requiresKey: boolean): Gateway {
  if (gateway !== undefined) return gateway
  const reported = calls.find(({ answer }) => answer.outcome !== undefined)?.answer.outcome?.gateway
  // Without an outcome no call was stamped; where no call was made with a key, nothing is known.
  const isTried = calls.some(({ arm }) => arm === 'affinity')
  const used = gateways.get(reported ?? (isTried ? 'none' : 'generic')) ?? { name: 'none', headers: [] }
  return requiresKey ? { ...used, requiresKey } : used
}

function howKnown(
  { gateway, header }: Options,
  recognised: Recognised | undefined,
  used: Gateway,
): Examination['gateway']['known'] {
  if (gateway !== undefined || header !== undefined) return 'named'
  if (recognised?.gateway.name === used.name) return 'recognised'
  return used.hosts === undefined ? 'assumed' : 'by host'
}

function withoutCredentials(baseUrl: string): string {
  const url = new URL(baseUrl)
  url.username = ''
  url.password = ''
  url.search = ''
  return url.href.replace(/\/$/, '')
}
