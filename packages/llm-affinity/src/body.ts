// The carrier of a key in a body: the text of a JSON object, which is read and written without being parsed. Prompts
// reach megabytes, and what the caller made of them must arrive byte for byte.

/** How far into a body its model is looked for. SDKs write it before the messages. */
const HEAD = 4096

/**
 * The text with one more member, in front of all others; the text itself, where it is no JSON object; undefined where the
 * caller has set the field, to whatever value.
 *
 * @param field A name, or a path of names with dots: `metadata.session_id`.
 */
export function withField(text: string, field: string, value: string): string | undefined {
  const open = start(text)
  return open === undefined || !/\}[\t\n\r ]*$/.test(text.slice(-64))
    ? text
    : inserted(text, open, field.split('.'), value)
}

/** The `model` of a request, where it stands near the beginning of a JSON object. */
export function modelOf(text: string): string | undefined {
  const head = text.slice(0, HEAD)
  const open = start(head)
  const at = open === undefined ? -1 : memberAt(head, open, 'model')
  const end = head[at] === '"' ? stringEnd(head, at) : Number.NaN
  return end > at ? unquoted(head.slice(at, end)) : undefined
}

// Where the object opens, if it is one: as far as can be told without reading on.
function start(text: string): number | undefined {
  const open = skipSpace(text, 0)
  return text[open] === '{' && '"}'.includes(text[skipSpace(text, open + 1)] ?? '-') ? open : undefined
}

function inserted(
  text: string,
  open: number,
  [name = '', ...inner]: readonly string[],
  value: string,
): string | undefined {
  // Most bodies do not have the name anywhere, and to look for one is much cheaper than to walk: most of all for one that
  // begins with what prose seldom has. In prose that speaks of it, a quote behind it is escaped.
  const end = `${name.slice(Math.max(0, name.indexOf('_')))}"`
  const at = text.includes(end, open) ? memberAt(text, open, name) : -1
  if (Number.isNaN(at)) return text
  if (at >= 0) return inner.length > 0 && text[at] === '{' ? inserted(text, at, inner, value) : undefined
  const nested = inner.reduceRight((json, each) => `{"${each}":${json}}`, `"${value}"`)
  const next = skipSpace(text, open + 1)
  return `${text.slice(0, open + 1)}"${name}":${nested}${text[next] === '}' ? '' : ','}${text.slice(open + 1)}`
}

// Where the value of a member begins; -1 where there is none of this name; NaN where this is no JSON.
function memberAt(text: string, open: number, name: string): number {
  let at = skipSpace(text, open + 1)
  if (text[at] === '}') return -1
  for (;;) {
    const end = stringEnd(text, at)
    const key = text.slice(at, end)
    at = skipSpace(text, end)
    if (text[at] !== ':') return Number.NaN
    at = skipSpace(text, at + 1)
    if (unquoted(key) === name) return at
    at = skipSpace(text, valueEnd(text, at))
    if (text[at] === '}') return -1
    if (text[at] !== ',') return Number.NaN
    at = skipSpace(text, at + 1)
  }
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return at
}

/** Behind the JSON value that begins here; NaN where it does not end, or is none. */
export function valueEnd(text: string, from: number): number {
  const first = text[from]
  if (first === '"') return stringEnd(text, from)
  if (first !== '{' && first !== '[') {
    const end = text.slice(from, from + 64).search(/[,}\]\s]/)
    return end > 0 ? from + end : Number.NaN
  }
  const marks = /["{}[\]]/g
  marks.lastIndex = from
  let depth = 0
  for (let found = marks.exec(text); found !== null; found = marks.exec(text)) {
    const [mark] = found
    if (mark === '"') marks.lastIndex = stringEnd(text, found.index) || text.length
    else depth += mark === '{' || mark === '[' ? 1 : -1
    if (depth === 0) return found.index + 1
  }
  return Number.NaN
}

// Behind the closing quote of the string that opens here.
function stringEnd(text: string, from: number): number {
  if (text[from] !== '"') return Number.NaN
  for (let end = text.indexOf('"', from + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let first = end
    while (text[first - 1] === '\\') first--
    if ((end - first) % 2 === 0) return end + 1
  }
  return Number.NaN
}

function unquoted(json: string): string | undefined {
  if (!json.includes('\\')) return json.slice(1, -1)
  try {
    return String(JSON.parse(json))
  } catch {
    return undefined
  }
}
