import { type Gateway, type GatewayName, gateways } from 'llm-affinity/gateways'

/** How a gateway was known. */
export interface Recognised {
  readonly row: Gateway
  /** By a header that no other gateway has; otherwise by what a server calls itself, which may be any hop. */
  readonly isSure: boolean
  /** The header that gave it away. */
  readonly by: string
}

interface Mark {
  readonly gateway: GatewayName
  readonly header: string
  readonly value: RegExp
}

// What servers call themselves, where they do.
const MARKS: readonly Mark[] = [
  { gateway: 'caddy', header: 'via', value: /\bcaddy\b/i },
  { gateway: 'caddy', header: 'server', value: /^caddy\b/i },
  { gateway: 'istio', header: 'server', value: /^istio-envoy\b/i },
  { gateway: 'envoy', header: 'server', value: /^envoy\b/i },
  { gateway: 'envoy', header: 'x-envoy-upstream-service-time', value: /./ },
  { gateway: 'nginx', header: 'server', value: /^(nginx|openresty)\b/i },
]

/** Every gateway is known by the headers that its row alone reads. */
const own: ReadonlyMap<string, Gateway> = ownHeaders()

function ownHeaders(): Map<string, Gateway> {
  const readers = new Map<string, Gateway[]>()
  for (const row of gateways.values()) {
    const { outcome, backend, source, model } = row.evidence ?? {}
    for (const name of [outcome, backend, source, model]) {
      if (name !== undefined) readers.set(name, [...(readers.get(name) ?? []), row])
    }
  }
  return new Map([...readers].flatMap(([name, [row, ...others]]) => (row && others.length === 0 ? [[name, row]] : [])))
}

/** The provider that lives at a host. */
export function providerAt(host: string): Gateway | undefined {
  const isIt = (known: string): boolean => (known.startsWith('*.') ? host.endsWith(known.slice(1)) : host === known)
  return [...gateways.values()].find(({ hosts }) => hosts?.some(isIt))
}

/** Which gateway an answer is from, where it says so. */
export function recognise(headers: ReadonlyMap<string, string>): Recognised | undefined {
  for (const [header, row] of own) if (headers.has(header)) return { row, isSure: true, by: header }
  const mark = MARKS.find(({ header, value }) => value.test(headers.get(header) ?? ''))
  const row = mark && gateways.get(mark.gateway)
  return mark && row && { row, isSure: false, by: mark.header }
}
