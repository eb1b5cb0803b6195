// Writes the table of docs/gateways/README.md from the rows themselves: `pnpm gateways:table`.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Evidence, Gateway } from '../../packages/llm-affinity/src/gateways/gateway.ts'
import { type Source, sources } from '../../packages/llm-affinity/src/gateways/sources.ts'
import { type GatewayName, gateways } from '../../packages/llm-affinity/src/gateways/table.ts'

export const page: string = fileURLToPath(new URL('../../docs/gateways/README.md', import.meta.url))

/** Pages of gateways that need no row of their own, and the row that serves there. */
export const recipes: ReadonlyMap<string, GatewayName> = new Map(
  (['agentgateway', 'apisix', 'kong', 'kthena'] as const).map((name) => [name, 'generic']),
)

const MARKED = /(<!-- table -->\n)[\s\S]*?(<!-- \/table -->)/

/** The page with its table as the rows are now. */
export function withTable(text: string): string {
  const known = new Map<string, Source>(Object.entries(sources))
  const lines = [...gateways.values()].map((row) => lineOf(row, known.get(row.name)))
  const head = [
    'gateway',
    'sends',
    'known by host',
    'a pin is for',
    'the answer says',
    'a `hit` rests on',
    'sure',
    'source',
  ]
  const table = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  return text.replace(MARKED, (_, open, close) => `${open}${table}\n${close}`)
}

function lineOf(row: Gateway, source: Source | undefined): string[] {
  return [
    existsSync(join(dirname(page), `${row.name}.md`)) ? `[\`${row.name}\`](${row.name}.md)` : code(row.name),
    sends(row),
    row.hosts?.map(code).join(', ') ?? '',
    row.headers.length === 0 && row.body === undefined ? '' : row.pinsPerModel ? 'session and model' : 'session',
    says(row.evidence ?? {}),
    source?.hit ?? '',
    source?.sure ?? '',
    source?.from.join('; ') ?? '',
  ]
}

function sends({ headers, parent, body, keyPattern, requiresKey }: Gateway): string {
  const parts = headers.map(code)
  if (parent !== undefined) parts.push(`${code(parent)}: the parent’s key`)
  if (body !== undefined) parts.push(`body ${code(body.field)} at ${body.paths.map(code).join(', ')}`)
  if (keyPattern !== undefined) parts.push(`keys that match ${code(keyPattern.source)}, others hashed`)
  if (requiresKey) parts.push('also for sidecars, a key of their own')
  return parts.join('; ') || 'nothing'
}

function says({ outcome, backend = [], source, echo, retryHeaders = [], failureHeaders = [] }: Evidence): string {
  const said = { outcome, backend, source, echo, tries: retryHeaders, 'failed tries': failureHeaders }
  return Object.entries(said)
    .map(([what, names]) => [what, [names ?? []].flat().map(code).join(', ')])
    .flatMap(([what, names]) => (names === '' ? [] : [`${what}: ${names}`]))
    .join('; ')
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``
}

if (import.meta.main) writeFileSync(page, withTable(readFileSync(page, 'utf8')))
