import { randomUUID } from 'node:crypto'
import type { AffinityOptions, Outcome } from 'llm-affinity'
import type { Step } from 'llm-affinity-testkit'
import type { CallOptions, Integration } from './integrations.ts'

/** One body that every SDK here takes for an answer. */
export const ANSWER: string = JSON.stringify({ choices: [{ message: { content: 'heard' } }], content: [] })

/** An answer with these headers. */
export function answer(headers: Readonly<Record<string, string>>, status = 200): Step {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: ANSWER }
}

/** Answers from these backends, in the header that our recipes have a balancer write. */
export function from(...backends: string[]): Step[] {
  return backends.map((backend) => answer({ 'x-backend': backend }))
}

/** An id that no other test has used: what is remembered of a key outlives a test. */
export function freshId(): string {
  return `conversation-${randomUUID()}`
}

/** A connection through a integration, and what its listener has heard so far. */
export interface Listening {
  readonly outcomes: Outcome[]
  readonly results: () => string[]
  /** A call whose failure is of no interest here. */
  call(options?: CallOptions): Promise<unknown>
}

export async function listening<T>(
  integration: Integration,
  origin: string,
  affinity: AffinityOptions,
  use: (listening: Listening) => Promise<T>,
): Promise<T> {
  const outcomes: Outcome[] = []
  const connection = integration.connect(origin, { onOutcome: (outcome) => void outcomes.push(outcome), ...affinity })
  try {
    return await use({
      outcomes,
      results: () => outcomes.map(({ result }) => result),
      call: (options) => connection.call(options).catch(() => undefined),
    })
  } finally {
    await connection.close()
  }
}
