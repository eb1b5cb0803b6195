import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Setup } from './setups.ts'

const page = fileURLToPath(new URL('../../../docs/proof.md', import.meta.url))
const [BEGIN, END] = ['<!-- doctor-runs -->', '<!-- /doctor-runs -->']
const HEAD = '| in front of the backends | options | verdict | exit code |\n| --- | --- | --- | --- |'

/** What a run has said, as a row. */
export function rowOf({ title, args = [], echo, program }: Setup, verdict: string, code: number): string {
  const name =
    program === undefined || !title.startsWith(program.title)
      ? title
      : title.replace(program.title, `${program.title} ${program.version}`)
  const options = [...args, ...(echo ? ['--echo'] : [])].join(' ')
  return `| ${name} | ${options === '' ? '' : `\`${options}\``} | \`${verdict}\` | ${code} |`
}

/** The rows that the docs have now. */
export function rowsInDocs(): readonly string[] {
  return tableIn(readFileSync(page, 'utf8')).split('\n').slice(2)
}

/** Puts these in their place. Done on demand: see the page. */
export function writeRows(rows: readonly string[]): void {
  const text = readFileSync(page, 'utf8')
  writeFileSync(page, text.replace(tableIn(text), [HEAD, ...rows].join('\n')))
}

function tableIn(text: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`docs/proof.md has no ${BEGIN} … ${END}`)
  return text.slice(from + BEGIN.length + 1, to - 1)
}
