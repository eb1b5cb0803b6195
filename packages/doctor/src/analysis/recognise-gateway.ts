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
  for (const entry of gateways.values()) {
    const { outcome, backend, source, model } = entry.evidence ?? {}
    for (const name of [outcome, backend, source, model].flat()) {
      if (name !== undefined) readers.set(name, [...(readers.get(name) ?? []), entry])
    }
  }
  return new Map(
    [...readers].flatMap(([name, [entry, ...others]]) => (entry && others.length === 0 ? [[name, entry]] : [])),
  )
}

/** The gateway that an answer's headers identify, if any. */
export function recogniseGateway(headers: ReadonlyMap<string, string>): Recognised | undefined {
  for (const [header, entry] of uniqueHeaders)
    if (headers.has(header)) return { gateway: entry, isSure: true, by: header }
  const mark = MARKS.find(({ header, value }) => value.test(headers.get(header) ?? ''))
  const entry = mark && gateways.get(mark.gateway)
  return mark && entry && { gateway: entry, isSure: false, by: mark.header }
}
