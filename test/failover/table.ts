import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Fault } from './backends.ts'
import type { Found } from './run.ts'

/** One fault behind one balancer, without and with `repin`. */
export interface Row {
  readonly title: string
  readonly fault: Fault
  readonly without: Found
  readonly repin: Found
}

const page = fileURLToPath(new URL('../../docs/state.md', import.meta.url))
const MARKED = /(<!-- failover -->\n)[\s\S]*?(<!-- \/failover -->)/

export function writeTable(rows: readonly Row[]): void {
  const text = readFileSync(page, 'utf8')
  writeFileSync(
    page,
    text.replace(MARKED, (_, open, close) => `${open}${asTable(rows)}\n${close}`),
  )
}

export function asTable(rows: readonly Row[]): string {
  const head = [
    'balancer',
    'the backend',
    'lost without `repin`',
    'lost with it',
    'away by the next attempt',
    'by the next turn',
    'others moved or lost',
  ]
  const lines = rows.map(({ title, fault, without, repin }) => [
    title,
    fault,
    share(without.lost, without.touched),
    share(repin.lost, repin.touched),
    share(repin.byNextAttempt, repin.touched),
    share(repin.byNextTurn, repin.touched),
    String(repin.othersMoved + repin.othersLost),
  ])
  const rule = head.map((_, at) => (at < 2 ? '---' : '--:'))
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function share(count: number, of: number): string {
  return of === 0 ? '-' : `${Math.round((100 * count) / of)} %`
}
