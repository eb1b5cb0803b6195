// A key in a body: a member of the text of a JSON object. The text may be megabytes long, and the caller's part of it must
// arrive byte for byte, so a parsed body is only read and never serialised again.

/** The part of a body in which its model is looked for. SDKs write it before the messages. */
const HEAD = 4096

/**
 * Adds a member in front of all others. Returns the text unchanged if it is not a JSON object. Returns undefined if the caller
 * has set the field, to any value and with or without escapes in its name, and if a text that is not JSON seems to have it.
 *
 * @param field The name of a member, of letters, digits, `_` and `-`.
 * @param json Its value, as JSON text.
 */
export function withField(text: string, field: string, json: string): string | undefined {
  const open = text.search(/[^\t\n\r ]/)
  if (text[open] !== '{') return text
  if (hasNearAnEnd(text, field)) return undefined
  const name = `"${field}"`
  const members = text.slice(open + 1)
  const object = parsed(text)
  if (object === undefined) return text
  const names = Object.keys(Object(object))
  // V8 13 and 14 confuse a name that begins with an escape with one that begins with a backslash, if they have parsed the
  // latter after the same names before. They cannot have parsed it after a name that is new.
  const read = names.some((each) => each.startsWith('\\')) ? parsed(`{"${Math.random()}":0,${members}`) : object
  if (Object.hasOwn(Object(read), field)) return undefined
  return `${text.slice(0, open + 1)}${name}:${json}${names.length === 0 ? '' : ','}${members}`
}

/** The `model` of a request, if it is near the beginning of a JSON object. */
export function modelOf(text: string): string | undefined {
  const head = text.slice(0, HEAD)
  for (const { 1: value = '', index } of head.matchAll(/"model"\s*:\s*("(?:[^"\\]|\\.)*")/g)) {
    const model: unknown = isBehindMembers(head, index) ? parsed(value) : undefined
    if (typeof model === 'string') return model
  }
  return undefined
}

/**
 * Whether the first or the last occurrence of the field's name is the field. Parsing a text costs about half as much as
 * encoding it, and searching it almost nothing, so a body that has the field is recognised before it is parsed: callers write
 * the field near one of the ends.
 */
function hasNearAnEnd(text: string, field: string): boolean {
  // The search is fast for a text that begins with a rare character, which a quote is not.
  const rare = Math.max(0, field.indexOf('_'))
  const end = `${field.slice(rare)}"`
  const first = text.indexOf(end)
  if (first < 0) return false
  const name = `"${field}"`
  if (isMember(text, name, first - rare - 1)) return true
  return text.includes(end, first + 1) && isMember(text, name, text.lastIndexOf(end) - rare - 1)
}

/**
 * Whether the quoted name at this position is a member of the outermost object. Exact if the text is JSON: a name in unescaped
 * quotes is then a complete string. A text can be cut in front of a name, and both parts be completed to objects, if and only
 * if the name is a member of the outermost object. The shorter part is tried.
 */
function isMember(text: string, name: string, at: number): boolean {
  const after = at + name.length
  if (!text.startsWith(name, at) || !/^\s*:/.test(text.slice(after, after + 64))) return false
  if (at < text.length / 2) return isBehindMembers(text, at)
  return text[at - 1] !== '\\' && parsed(`{${text.slice(at)}`) !== undefined
}

// Whether the text up to here is a JSON object once a member is added.
function isBehindMembers(text: string, at: number): boolean {
  return text[at - 1] !== '\\' && parsed(`${text.slice(0, at)}"":0}`) !== undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
