// Writes the table in docs/gateways/README.md from the entries of the gateway table: `pnpm gateways:table`.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Evidence, Gateway } from '../../packages/llm-affinity/src/gateways/gateway.ts'
import { type Source, sources } from '../../packages/llm-affinity/src/gateways/sources.ts'
import { type GatewayName, gateways } from '../../packages/llm-affinity/src/gateways/table.ts'

export const page: string = fileURLToPath(new URL('../../docs/gateways/README.md', import.meta.url))

/** Pages of gateways without an entry of their own, and the entry that their clients use. */
export const recipes: ReadonlyMap<string, GatewayName> = new Map(
  (['agentgateway', 'apisix', 'kong', 'kthena'] as const).map((name) => [name, 'generic']),
)

const MARKED = /(<!-- table -->\n)[\s\S]*?(<!-- \/table -->)/

/** The text of the page with an up-to-date table. */
export function withTable(text: string): string {
  const known = new Map<string, Source>(Object.entries(sources))
  const lines = [...gateways.values()].map((gateway) => lineOf(gateway, known.get(gateway.name)))
  const head = [
    'gateway',
    'sends',
    'recognised hosts',
    'pins per',
    'response headers',
    '`hit` is based on',
    'known from',
    'reference',
  ]
  const table = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  return text.replace(MARKED, (_, open, close) => `${open}${table}\n${close}`)
}

function lineOf(gateway: Gateway, source: Source | undefined): string[] {
  const { name, hosts = [], headers, body, pinsPerModel, evidence = {} } = gateway
  return [
    existsSync(join(dirname(page), `${name}.md`)) ? `[\`${name}\`](${name}.md)` : code(name),
    sends(gateway),
    hosts.map(code).join(', '),
    headers.length === 0 && body === undefined ? '' : pinsPerModel ? 'session and model' : 'session',
    responseHeaders(evidence),
    source?.hit ?? '',
    source?.sure ?? '',
    source?.from.join('; ') ?? '',
  ]
}

function sends({ headers, parent, body, keyPattern, requiresKey }: Gateway): string {
  const parts = headers.map(code)
  if (parent !== undefined) parts.push(`${code(parent)}: the parent’s key`)
  if (body !== undefined) parts.push(`body field ${code(body.field)} on ${body.paths.map(code).join(', ')}`)
  if (keyPattern !== undefined) parts.push(`keys that do not match ${code(keyPattern.source)} are hashed`)
  if (requiresKey) parts.push('side calls carry a key of their own')
  return parts.join('; ') || 'nothing'
}

function responseHeaders(evidence: Evidence): string {
  const { outcome, backend, source, echo, retryHeaders, failureHeaders } = evidence
  const roles = { outcome, backend, source, echo, retries: retryHeaders, 'failed attempts': failureHeaders }
  return Object.entries(roles)
    .map(([role, names = []]) => [role, [names].flat().map(code).join(', ')])
    .flatMap(([role, names]) => (names === '' ? [] : [`${role}: ${names}`]))
    .join('; ')
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``
}

if (import.meta.main) writeFileSync(page, withTable(readFileSync(page, 'utf8')))
