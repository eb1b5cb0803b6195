// Writes the table of docs/gateways/README.md from the rows themselves: `pnpm gateways:table`.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Evidence, type Gateway, gateways } from '../../packages/llm-affinity/src/gateways.ts'
import { type Source, sources } from '../../packages/llm-affinity/src/sources.ts'

export const page: string = fileURLToPath(new URL('../../docs/gateways/README.md', import.meta.url))

const MARKED = /(<!-- table -->\n)[\s\S]*?(<!-- \/table -->)/

/** The page with its table as the rows are now. */
export function withTable(text: string): string {
  const known = new Map<string, Source>(Object.entries(sources))
  const lines = [...gateways.values()].map((row) => lineOf(row, known.get(row.name)))
  const head = ['gateway', 'sends', 'known by host', 'a pin is for', 'the answer says', 'sure', 'source']
  const table = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  return text.replace(MARKED, (_, open, close) => `${open}${table}\n${close}`)
}

function lineOf(row: Gateway, source: Source | undefined): string[] {
  return [
    existsSync(join(dirname(page), `${row.name}.md`)) ? `[\`${row.name}\`](${row.name}.md)` : code(row.name),
    sends(row),
    row.hosts?.map(code).join(', ') ?? '',
    row.headers.length === 0 && row.body === undefined ? '' : row.perModel ? 'session and model' : 'session',
    says(row.evidence ?? {}),
    source?.sure ?? '',
    source?.from.join('; ') ?? '',
  ]
}

function sends({ headers, parent, body, value, strict }: Gateway): string {
  const parts = headers.map(code)
  if (parent !== undefined) parts.push(`${code(parent)}: the parent’s key`)
  if (body !== undefined) parts.push(`body ${code(body.field)} at ${body.paths.map(code).join(', ')}`)
  if (value !== undefined) parts.push(`keys that match ${code(value.source)}, others hashed`)
  if (strict) parts.push('also for sidecars, a key of their own')
  return parts.join('; ') || 'nothing'
}

function says({ outcome, backend, source, echo, retries = [] }: Evidence): string {
  const said = { outcome, backend, source, echo }
  const parts = Object.entries(said).flatMap(([what, name]) => (name === undefined ? [] : [`${what}: ${code(name)}`]))
  if (retries.length > 0) parts.push(`tries: ${retries.map(code).join(', ')}`)
  return parts.join('; ')
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``
}

if (import.meta.main) writeFileSync(page, withTable(readFileSync(page, 'utf8')))
