import Table from 'cli-table3'
import type { Figures } from './figures.ts'
import type { Found, Measured } from './measure.ts'

/** A row a program, and below it what went wrong. */
export function asText(all: readonly Found[]): string {
  const drawn = new Table({
    head: [
      'gateway',
      'conver-\nsations',
      'backends each,\nmean and most',
      'backends\nused',
      'side calls',
      'outcomes',
      'cached',
      'possible',
      'cached if\nunstamped',
    ],
    colAligns: ['left', 'right', 'right', 'right', 'left', 'left', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  })
  const failures: string[] = []
  for (const { program, measured, failure } of all) {
    const { title, version } = program
    if (measured !== undefined) drawn.push([`${title}\n${version}`, ...cells(measured)])
    if (failure !== undefined) failures.push(`${title} ${version}: ${failure}`)
  }
  return [...(drawn.length > 0 ? [drawn.toString()] : []), ...failures, reading(all)].join('\n\n')
}

function cells({ stamped, unstamped, outcomes }: Measured): string[] {
  const { mean, max } = stamped.backendsPerConversation
  return [
    String(stamped.conversations),
    `${mean}, ${max}`,
    String(stamped.backendsUsed),
    counts(stamped.sideCalls),
    counts(outcomes),
    percent(stamped.cachedShare),
    percent(stamped.possibleShare),
    percent(unstamped.cachedShare),
  ]
}

function counts(all: Readonly<Record<string, number>>): string {
  return Object.entries(all)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join('\n')
}

/** The result in plain sentences. */
function reading(all: readonly Found[]): string {
  const kept = all.filter(({ measured, failure }) => failure === undefined && measured && keeps(measured.stamped))
  const said = `${kept.length} of ${all.length} kept every conversation on one backend, and cached all that can be, to half a point.`
  // Such as those that find a key of their own in how a conversation begins.
  const anyway = kept.filter(({ measured }) => measured && keeps(measured.unstamped))
  if (anyway.length === 0) return said
  return `${said}\nUnstamped, so did: ${anyway.map(({ program }) => program.title).join(', ')}.`
}

function keeps({ backendsPerConversation, possibleShare, cachedShare }: Figures): boolean {
  return backendsPerConversation.max === 1 && possibleShare - cachedShare <= 0.005
}

/** The line that programs read. */
export function asJson(all: readonly Found[]): string {
  return JSON.stringify({
    gateways: all.map(({ program: { name, version }, measured, failure }) => ({
      name,
      version,
      ...(measured !== undefined && {
        conversations: measured.stamped.conversations,
        backendsPerConversation: measured.stamped.backendsPerConversation,
        backendsUsed: measured.stamped.backendsUsed,
        cachedShare: measured.stamped.cachedShare,
        possibleShare: measured.stamped.possibleShare,
        unstampedCachedShare: measured.unstamped.cachedShare,
        outcomes: measured.outcomes,
        sideCalls: measured.stamped.sideCalls,
        errors: measured.errors,
      }),
      ...(failure !== undefined && { failure }),
    })),
  })
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
