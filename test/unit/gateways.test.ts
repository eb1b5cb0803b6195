import { affinityHeaders, type Gateway, type GatewayName, Session } from 'llm-affinity'
import { describe, expect, it } from 'vitest'
import { gatewayAt } from '../../packages/llm-affinity/src/gateways/hosts.ts'
import { type Source, sources } from '../../packages/llm-affinity/src/gateways/sources.ts'
import { gateways } from '../../packages/llm-affinity/src/gateways/table.ts'
import { resolveGateway } from '../../packages/llm-affinity/src/gateways/validate.ts'

const session = new Session('conversation-42')
const rows = [...gateways.values()]
const sentTo = (url: string): Record<string, string> => affinityHeaders(url, { session })
const stamped = (...names: string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, session.key]))
// A second matcher, so that the first one is not compared with itself.
const covers = (known: string, host: string): boolean =>
  new RegExp(`^${known.replaceAll('.', '\\.').replace('*', '.+')}$`).test(host)
const GENERIC = stamped('x-session-id', 'x-litellm-session-id')

describe('the table', () => {
  it('is keyed by the names of its rows, and each row has a source', () => {
    expect([...gateways.keys()]).toEqual(rows.map(({ name }) => name))
    expect(Object.keys(sources).toSorted()).toEqual([...gateways.keys()].toSorted())
  })

  it('cannot be changed by a user', () => {
    const open = (value: unknown): unknown[] =>
      typeof value !== 'object' || value === null
        ? []
        : [...(Object.isFrozen(value) ? [] : [value]), ...Object.values(value).flatMap(open)]
    expect(rows.flatMap(open)).toEqual([])
  })

  it.each(rows.filter(({ name }) => name !== 'none'))(
    'has a $name that passes the checks of a user-defined gateway',
    (row) => {
      expect(resolveGateway({ ...row })).toEqual(row)
      expect(resolveGateway({ ...row })).not.toBe(row)
    },
  )

  it('has one gateway that no user may define: the one that stamps nothing', () => {
    expect(() => resolveGateway({ ...gateways.get('none') } as Gateway)).toThrow(/to have a header or a `body`/)
    expect(affinityHeaders('http://gateway:4000', { session, gateway: 'none' })).toEqual({})
  })

  it('has each host in exactly one row, and finds that row by the host', () => {
    const hosts = rows.flatMap((row) => row.hosts ?? [])
    expect(new Set(hosts).size).toBe(hosts.length)
    for (const { name, hosts = [] } of rows) {
      for (const host of hosts) {
        const place = host.replace('*', 'any.where')
        expect(gatewayAt(place)?.name, place).toBe(name)
        expect(rows.filter((row) => row.hosts?.some((known) => covers(known, place))).length, place).toBe(1)
      }
    }
  })

  it('has names in lower case only, and no name twice in a gateway', () => {
    for (const { headers, parent, evidence } of rows) {
      const { outcomeValues: _, backendPattern: __, ambiguous: ___, ...read } = evidence ?? {}
      const names = [...headers, ...(parent === undefined ? [] : [parent]), ...Object.values(read).flat()]
      expect(names).toEqual(names.map((name) => name.toLowerCase()))
      expect(new Set([...headers, parent]).size).toBe(headers.length + 1)
    }
  })

  // Some APIs reject calls that have an unknown field, so each new one is a deliberate decision.
  it('has body fields only for gateways that must be named or have a host', () => {
    const fields = rows.flatMap(({ name, body }) =>
      body ? body.paths.map((path) => `${name} ${body.field} ${path}`) : [],
    )
    expect(fields).toEqual([
      'azure-openai prompt_cache_key /openai/v1/chat/completions',
      'azure-openai prompt_cache_key /openai/v1/responses',
      'azure-openai prompt_cache_key /openai/v1/responses/compact',
      'deepinfra prompt_cache_key /v1/openai/chat/completions',
      'mistral prompt_cache_key /v1/chat/completions',
      'mistral prompt_cache_key /v1/fim/completions',
      'mistral prompt_cache_key /v1/agents/completions',
      'moonshot prompt_cache_key /v1/chat/completions',
      'openai prompt_cache_key /v1/chat/completions',
      'openai prompt_cache_key /v1/decisions',
      'openai prompt_cache_key /v1/responses',
      'openai prompt_cache_key /v1/responses/compact',
      'xai prompt_cache_key /v1/responses',
    ])
  })

  it('never sends AIBrix a header that it would take for one of its own tokens', () => {
    expect(affinityHeaders('http://gateway:4000', { session, gateway: 'aibrix' })).toEqual(
      stamped('x-aibrix-session-key'),
    )
  })

  it('names no parent unless a user-defined gateway asks for it, by hand too', () => {
    expect(rows.filter(({ parent }) => parent !== undefined)).toEqual([])
    const child = session.child('search')
    const of = (speaker: Session, gateway: GatewayName | Gateway): object =>
      affinityHeaders('http://gateway:4000', { session: speaker, gateway })
    expect(of(child, 'dynamo')).toEqual({ 'x-dynamo-session-id': child.key })
    const dynamo = { ...gateways.get('dynamo'), parent: 'x-dynamo-parent-session-id' }
    expect(of(session, dynamo)).toEqual({ 'x-dynamo-session-id': session.key })
    expect(of(child, dynamo)).toEqual({ 'x-dynamo-session-id': child.key, 'x-dynamo-parent-session-id': session.key })
    // A parent without a key is not sent, not even as a hash.
    const gateway = { name: 'ours', headers: ['x-ours'], parent: 'x-parent', keyPattern: /^.{1,32}$/ }
    const orphan = new Session('').child()
    expect(of(orphan, gateway)).toEqual({ 'x-ours': orphan.key })
  })

  it('documents what a hit rests on, for gateways with evidence and no others', () => {
    const known = new Map<string, Source>(Object.entries(sources))
    const said = rows.filter(({ name }) => known.get(name)?.hit !== undefined)
    expect(said.map(({ name }) => name)).toEqual(rows.filter(({ evidence }) => evidence).map(({ name }) => name))
  })
})

describe('a provider is recognised by its host', () => {
  it.each([
    ['https://api.openai.com/v1', {}],
    ['https://eu.api.openai.com/v1', {}],
    ['https://api.mistral.ai/v1', {}],
    ['https://api.eu.mistral.ai/v1', {}],
    ['https://api.moonshot.ai/v1', {}],
    ['https://api.moonshot.cn/v1', {}],
    ['https://api.anthropic.com', {}],
    ['https://resource.openai.azure.com/openai/v1', {}],
    ['https://api.cerebras.ai/v1', {}],
    ['https://api.deepseek.com', {}],
    ['https://api.groq.com/openai/v1', {}],
    ['https://api.together.xyz/v1', {}],
    ['https://api.z.ai/api/paas/v4', {}],
    ['https://generativelanguage.googleapis.com/v1beta', {}],
    ['https://open.bigmodel.cn/api/paas/v4', {}],
    ['https://codestral.mistral.ai/v1', {}],
    ['https://api.deepinfra.com/v1/openai', {}],
    ['https://api.together.ai/v1', {}],
    ['https://api.novita.ai/openai', {}],
    ['https://api.sambanova.ai/v1', {}],
    ['https://api.studio.nebius.com/v1', {}],
    ['https://api.tokenfactory.nebius.com/v1', {}],
    ['https://integrate.api.nvidia.com/v1', {}],
    ['https://inference.baseten.co/v1', {}],
    ['https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1', {}],
    ['https://bedrock-mantle.us-east-1.api.aws/v1', {}],
    ['https://aiplatform.googleapis.com/v1', {}],
    ['https://europe-west4-aiplatform.googleapis.com/v1', {}],
    [
      'https://model-abc.api.baseten.co/environments/production/sync/v1',
      stamped('x-baseten-session-id', 'x-session-affinity'),
    ],
    ['https://api.llmgateway.io/v1', stamped('x-session-id')],
    ['https://api.x.ai/v1', stamped('x-grok-conv-id')],
    ['https://us-east-1.api.x.ai/v1', stamped('x-grok-conv-id')],
    ['https://api.fireworks.ai/inference/v1', stamped('x-session-affinity')],
    ['https://api.cloudflare.com/client/v4/accounts/a/ai/v1', stamped('x-session-affinity')],
    ['https://openrouter.ai/api/v1', stamped('x-session-id')],
    ['https://eu.openrouter.ai/api/v1', stamped('x-session-id')],
    ['https://opencode.ai/zen/v1', stamped('x-opencode-session')],
    ['https://team--app.modal.run/v1', stamped('modal-session-id')],
    ['https://team--app.us-west.modal.direct/v1', stamped('modal-session-id')],
    ['HTTPS://API.OPENAI.COM:8443/v1', {}],
    ['wss://api.openai.com/v1/realtime', {}],
  ])('%s', (url, headers) => {
    expect(sentTo(url)).toEqual(headers)
  })

  it('and so is every host of the table', () => {
    for (const { name, hosts = [], headers } of rows) {
      for (const host of hosts)
        expect(sentTo(`https://${host.replace('*', 'any.where')}/v1`), name).toEqual(stamped(...headers))
    }
  })

  it.each([
    'https://api.openai.com.evil.example/v1',
    'https://evil-api.openai.com.example/v1',
    'https://myapi.openai.com/v1',
    'https://notapi.openai.com/v1',
    'https://openai.com/v1',
    'https://evilopenrouter.ai/api/v1',
    'https://modal.run/v1',
    'https://evilmodal.run/v1',
    'https://api.x.ai.example/v1',
    'https://xapi.x.ai/v1',
    'https://example/api.openai.com/v1',
    'https://api.openai.com@gateway.example/v1',
    'https://gateway.example/?https://api.openai.com/v1',
    'https://openai.azure.com.evil.example/openai/v1',
    'https://console.mistral.ai/v1',
    'https://baseten.co/v1',
    'https://evilapi.baseten.co.example/v1',
    'https://bedrock-runtime.us-east-1.amazonaws.com.example/v1',
    'https://bedrock-runtime.example/v1',
    'https://my-bedrock.us-east-1.elb.amazonaws.com/v1',
    'https://googleapis.com.example/v1',
    'https://together.ai/v1',
    'http://127.0.0.1:4000/v1',
    'http://[::1]:4000/v1',
  ])('does not mistake a similar URL for a provider: %s', (url) => {
    expect(sentTo(url)).toEqual(GENERIC)
  })

  it('is overridden by a named gateway', () => {
    expect(affinityHeaders('https://api.openai.com/v1', { session, gateway: 'olla' })).toEqual(
      stamped('x-olla-session-id'),
    )
  })
})
