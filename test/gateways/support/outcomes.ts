import type { Outcome } from 'llm-affinity'

/** A listener that keeps what it hears. */
export class Outcomes {
  readonly all: Outcome[] = []
  readonly onOutcome = (outcome: Outcome): void => {
    this.all.push(outcome)
  }

  /** Those of the session of this id, in order. */
  of({ id }: { readonly id: string }): Outcome[] {
    return this.all.filter(({ session }) => session.id === id)
  }

  /** Their results, of the session of this id. */
  resultsOf(session: { readonly id: string }): Outcome['result'][] {
    return this.of(session).map(({ result }) => result)
  }

  count(result: Outcome['result']): number {
    return this.all.filter((outcome) => outcome.result === result).length
  }
}
