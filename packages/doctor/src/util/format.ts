/** 99470 -> 99,470 */
export function groupDigits(figure: number): string {
  return figure.toLocaleString('en-US')
}

const LONG = 18
const HEAD = 8
const TAIL = 14

/** Names that fit into a table cell: long ones are shortened to the part that distinguishes them. */
export function shortenNames(names: readonly string[]): ReadonlyMap<string, string> {
  const forms = [
    (name: string) => (name.length > LONG ? `${name.slice(0, HEAD)}…` : name),
    (name: string) => (name.length > LONG ? `…${name.slice(-TAIL)}` : name),
  ]
  const form = forms.find((shorten) => new Set(names.map(shorten)).size === new Set(names).size)
  return new Map(names.map((name) => [name, form?.(name) ?? name]))
}
