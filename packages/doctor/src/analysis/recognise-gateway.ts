import { type Gateway, type GatewayName, gateways } from 'llm-affinity/gateways'

/** A recognised gateway. */
export interface Recognised {
  readonly gateway: Gateway
  /** True: by a header that no other gateway has. False: by the name of a server, which may be another hop. */
  readonly isSure: boolean
  /** The header that identified it. */
  readonly by: string
}

interface Mark {
  readonly gateway: GatewayName
  readonly header: string
  readonly value: RegExp
}

// How servers name themselves.
const MARKS: readonly Mark[] = [
  { gateway: 'caddy', header: 'via', value: /\bcaddy\b/i },
  { gateway: 'caddy', header: 'server', value: /^caddy\b/i },
  { gateway: 'istio', header: 'server', value: /^istio-envoy\b/i },
  { gateway: 'envoy', header: 'server', value: /^envoy\b/i },
  { gateway: 'envoy', header: 'x-envoy-upstream-service-time', value: /./ },
  { gateway: 'nginx', header: 'server', value: /^(nginx|openresty)\b/i },
]

/** The headers that only one gateway sends. */
const uniqueHeaders: ReadonlyMap<string, Gateway> = ownHeaders()

function ownHeaders(): Map<string, Gateway> {
  const readers = new Map<string, Gateway[]>()
  for (const row of gateways.values()) {
    const { outcome, backend, source, model } = row.evidence ?? {}
    for (const name of [outcome, backend, source, model].flat()) {
      if (name !== undefined) readers.set(name, [...(readers.get(name) ?? []), row])
    }
  }
  return new Map([...readers].flatMap(([name, [row, ...others]]) => (row && others.length === 0 ? [[name, row]] : [])))
}

/** The gateway that an answer's headers identify, if any. */
export function recogniseGateway(headers: ReadonlyMap<string, string>): Recognised | undefined {
  for (const [header, row] of uniqueHeaders) if (headers.has(header)) return { gateway: row, isSure: true, by: header }
  const mark = MARKS.find(({ header, value }) => value.test(headers.get(header) ?? ''))
  const row = mark && gateways.get(mark.gateway)
  return mark && row && { gateway: row, isSure: false, by: mark.header }
}
