import type { ArmEvidence, Evidence } from '../analysis/evidence.js'
import type { EchoJudgement } from '../echo/judge-echo.js'
import type { EchoResult } from '../echo/run-echo-check.js'
import type { Examination } from '../experiment/examine.js'
import type { PreflightError } from '../experiment/preflight.js'
import { evidenceOf } from '../verdict/judge.js'
import { EXIT_CODES } from '../verdict/verdict.js'

/** The line for programs. An absent figure is unknown. */
export function asJson({ judgement, findings, gateway, identifier, spent }: Examination): string {
  const { verdict, sentence, why, next } = judgement
  const { figures, recognised, carriers, rateLimited } = findings
  const evidence = evidenceOf(findings)
  return JSON.stringify({
    verdict,
    exitCode: EXIT_CODES[verdict],
    sentence,
    why,
    next,
    gateway: { ...gateway, ...(recognised !== undefined && { recognised }) },
    sent: carriers,
    ...(identifier && { backendsBy: identifier.by }),
    ...(evidence !== undefined && evidence !== 'conflict' && { evidence: evidenceAsJson(evidence) }),
    arms: figures,
    ...(rateLimited > 0 && { rateLimited }),
    spent: { ...spent, seconds: Number(spent.seconds.toFixed(1)) },
  })
}

function evidenceAsJson({ by, affinity, control, pHigher }: Evidence): object {
  const arm = ({ chance }: ArmEvidence): object => ({
    ...(chance && { expectedByChance: chance.expected, probability: chance.p }),
  })
  return { by, probability: pHigher, affinity: arm(affinity), control: arm(control) }
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
