import type { Gateway } from './gateway.js'
import { gateways } from './table.js'

/** The known gateway at a host, which must be in lower case. */
export function gatewayAt(host: string): Gateway | undefined {
  const isHost = (known: string): boolean => {
    const [start = '', end] = known.split('*')
    return end === undefined ? host === known : host.startsWith(start) && host.endsWith(end)
  }
  return [...gateways.values()].find(({ hosts }) => hosts?.some(isHost))
}
