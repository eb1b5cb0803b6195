import type { Echoed } from './echoed.js'
import type { Examination } from './examine.js'
import type { Overheard } from './overhear.js'
import type { Unreached } from './reach.js'
import { EXIT_CODES } from './verdict.js'

/** The line that programs read. A figure that is not there is not known. */
export function asJson({ judgement, findings, gateway, sight, spent }: Examination): string {
  const { verdict, sentence, why, next } = judgement
  const { figures, recognised, carriers } = findings
  return JSON.stringify({
    verdict,
    exitCode: EXIT_CODES[verdict],
    sentence,
    why,
    next,
    gateway: { ...gateway, ...(recognised !== undefined && { recognised }) },
    sent: carriers,
    ...(sight && { backendsBy: sight.by }),
    arms: figures,
    spent: { ...spent, seconds: Number(spent.seconds.toFixed(1)) },
  })
}

/** The same for a run with the echo server. */
export function echoAsJson(echoed: Echoed, overheard: Overheard | undefined): string {
  const { gateway, ...echo } = overheard ?? {}
  return JSON.stringify({ ...echoed, ...(overheard && { gateway: { name: gateway }, echo }) })
}

/** The same for a run that never began. */
export function failureAsJson({ message, next }: Pick<Unreached, 'message' | 'next'>): string {
  return JSON.stringify({ verdict: null, exitCode: 3, error: message, next })
}
