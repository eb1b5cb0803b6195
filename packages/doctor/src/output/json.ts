import type { EchoJudgement } from '../echo/judge-echo.js'
import type { EchoResult } from '../echo/run-echo-check.js'
import type { Examination } from '../experiment/examine.js'
import type { PreflightError } from '../experiment/preflight.js'
import { EXIT_CODES } from '../verdict/verdict.js'

/** The line for programs. An absent figure is unknown. */
export function asJson({ judgement, findings, gateway, identifier: sight, spent }: Examination): string {
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

/** The same for an echo check. */
export function echoAsJson(echoed: EchoJudgement, overheard: EchoResult | undefined): string {
  const { gateway, ...echo } = overheard ?? {}
  return JSON.stringify({ ...echoed, ...(overheard && { gateway: { name: gateway }, echo }) })
}

/** The same for a run that failed before it began. */
export function failureAsJson({ message, next }: Pick<PreflightError, 'message' | 'next'>): string {
  return JSON.stringify({ verdict: null, exitCode: 3, error: message, next })
}
