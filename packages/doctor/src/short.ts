const LONG = 18
const HEAD = 8
const TAIL = 14

/** Names as they fit into a cell: whole where they are short, and by what tells them apart where they are not. */
export function shortNames(names: readonly string[]): ReadonlyMap<string, string> {
  const forms = [
    (name: string) => (name.length > LONG ? `${name.slice(0, HEAD)}…` : name),
    (name: string) => (name.length > LONG ? `…${name.slice(-TAIL)}` : name),
  ]
  const form = forms.find((shorten) => new Set(names.map(shorten)).size === new Set(names).size)
  return new Map(names.map((name) => [name, form?.(name) ?? name]))
}
