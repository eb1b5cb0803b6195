// The matrix as a table, as one line for programs, and in docs/frameworks.md.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import type { Cell } from './run.ts'

const WAYS = ['plain', 'stream', 'tools', 'retry', 'interleaved', 'side calls']

/** The figures of a run. */
export function summaryOf(cells: readonly Cell[]) {
  const sum = (of: (cell: Cell) => number): number => cells.reduce((total, cell) => total + of(cell), 0)
  return {
    packages: new Set(cells.map(({ row }) => `${row.name} ${row.version}`)).size,
    cells: cells.length,
    passed: cells.filter(({ passed }) => passed).length,
    wrong: sum(({ received }) => received.wrong),
    sideCallsStamped: sum(({ received }) => received.sideCallsStamped),
    silentlyMissing: sum(({ received }) => received.missing),
  }
}

const titleOf = ({ row }: Cell): string => [row.name, row.version, row.as].filter(Boolean).join(' ')

function wordFor(cell: Cell | undefined): string {
  if (cell === undefined) return ''
  const { passed, received, error } = cell
  if (passed) return 'yes'
  if (received.wrong > 0) return `${received.wrong} wrong`
  if (received.sideCallsStamped > 0) return `${received.sideCallsStamped} stamped`
  if (received.missing > 0) return `${received.missing} missing`
  return error === undefined ? 'fewer calls' : 'fails'
}

export function asTable(cells: readonly Cell[]): string {
  const table = new Table({ head: ['package', ...WAYS], style: { head: [], border: [] } })
  for (const [title, own] of Map.groupBy(cells, titleOf)) {
    table.push([title, ...WAYS.map((way) => wordFor(own.find((cell) => cell.way === way)))])
  }
  return table.toString()
}

export function failures(cells: readonly Cell[]): string {
  return cells
    .filter(({ passed }) => !passed)
    .map((cell) => `${titleOf(cell)}, ${cell.way}: ${cell.error ?? wordFor(cell)}`)
    .join('\n')
}

const page = fileURLToPath(new URL('../../docs/frameworks.md', import.meta.url))
const [BEGIN, END] = ['<!-- ecosystem -->', '<!-- /ecosystem -->']

/** Writes the table of docs/frameworks.md: a line for each package and use, with the versions that were run. */
export function writePage(cells: readonly Cell[]): void {
  const text = readFileSync(page, 'utf8')
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`docs/frameworks.md has no ${BEGIN} … ${END}`)
  writeFileSync(page, `${text.slice(0, from + BEGIN.length)}\n${pageText(cells)}\n${text.slice(to)}`)
}

function pageText(cells: readonly Cell[]): string {
  const { packages, cells: all, passed, wrong, sideCallsStamped, silentlyMissing } = summaryOf(cells)
  const line = (parts: readonly string[]): string => `| ${parts.join(' | ')} |`
  const byUse = Map.groupBy(cells, ({ row }) => [row.name, row.as].filter(Boolean).join(', '))
  return [
    line(['Package', 'Versions', ...WAYS]),
    line(['---', '---', ...WAYS.map(() => '---')]),
    ...[...byUse].map(([use, own]) =>
      line([
        use,
        [...new Set(own.map(({ row }) => row.version))].join(', '),
        ...WAYS.map((way) => [...new Set(own.filter((cell) => cell.way === way).map(wordFor))].join(', ')),
      ]),
    ),
    '',
    `${packages} packages and versions, ${all} cells, ${passed} passed: ${wrong} turns with the key of another conversation, ${sideCallsStamped} side calls with a key, ${silentlyMissing} turns without one.`,
  ].join('\n')
}
