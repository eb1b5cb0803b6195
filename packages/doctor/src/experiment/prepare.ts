import { identifyBackends } from '../analysis/backend-identifier.js'
import type { Answer, Call } from '../client/calls.js'
import { type Connection, connectClient, type GatewayChoice } from '../client/chat-client.js'
import type { Options } from '../client/options.js'
import type { TokenBudget } from '../client/token-budget.js'
import type { Progress } from '../util/progress.js'
import { calibrate, NO_CACHE } from './calibrate.js'
import { type Plan, planOf } from './plan.js'

/** Tokens. With less, all of them are needed for the conversations. */
const MIN_CALIBRATION_BUDGET = 20_000

/** Measures how the caches count, and plans the conversations. */
export async function prepare(
  options: Options,
  budget: TokenBudget,
  connection: Connection,
  answer: Answer,
  stamping: GatewayChoice,
  progress: Progress,
): Promise<{ readonly plan: Plan; readonly blockTokens: number | undefined }> {
  const first: Call = { arm: 'control', conversation: 1, turn: 1, answer }
  const { backendHeader: header } = options
  const trust = identifyBackends([first], { ...(header !== undefined && { header }) })?.trust
  const isNamed = trust === 'known' || trust === 'named'
  progress.report('Measuring how the caches count')
  const cache =
    budget.limit < MIN_CALIBRATION_BUDGET
      ? NO_CACHE
      : await calibrate(budget, connection.signal, connectClient(connection, stamping), isNamed)
  return {
    plan: planOf(options, budget, cache, trust),
    blockTokens: cache.isVisible ? cache.blockTokens : undefined,
  }
}
