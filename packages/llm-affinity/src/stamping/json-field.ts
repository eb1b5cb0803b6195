// The carrier of a key in a body: the text of a JSON object. It may hold megabytes of prompts, and what the caller wrote
// must arrive byte for byte, so that a parsed body is looked at and never written back.

/** How far into a body its model is looked for. SDKs write it before the messages. */
const HEAD = 4096

/**
 * The text with one more member, in front of all others. The text itself, where it is not a JSON object. Undefined where
 * the caller has set the field, to whatever value, its name written with escapes or without; and where a text that is not
 * JSON looks as if.
 *
 * @param field The name of a member, of letters, digits, `_` and `-`.
 * @param value A key, of the same characters.
 */
export function withField(text: string, field: string, value: string): string | undefined {
  const open = text.search(/[^\t\n\r ]/)
  if (text[open] !== '{') return text
  if (hasNearAnEnd(text, field)) return undefined
  const name = `"${field}"`
  const members = text.slice(open + 1)
  const object = parsed(text)
  if (object === undefined) return text
  const names = Object.keys(Object(object))
  // V8 13 and 14 read a name that begins with an escape as another one, that begins with a backslash, where they have met
  // that behind the same names in an earlier text. Behind a name that is new, they cannot have.
  const read = names.some((each) => each.startsWith('\\')) ? parsed(`{"${Math.random()}":0,${members}`) : object
  if (Object.hasOwn(Object(read), field)) return undefined
  return `${text.slice(0, open + 1)}${name}:"${value}"${names.length === 0 ? '' : ','}${members}`
}

/** The `model` of a request, where it stands near the beginning of a JSON object. */
export function modelOf(text: string): string | undefined {
  const head = text.slice(0, HEAD)
  for (const { 1: value = '', index } of head.matchAll(/"model"\s*:\s*("(?:[^"\\]|\\.)*")/g)) {
    const model: unknown = isBehindMembers(head, index) ? parsed(value) : undefined
    if (typeof model === 'string') return model
  }
  return undefined
}

/**
 * Whether the field is found by its first or last mention. To parse a text costs about half of what it takes to encode
 * it, and to search it next to nothing, so that a body that has the field is recognised before the whole is parsed.
 * Callers write it near one of the ends.
 */
function hasNearAnEnd(text: string, field: string): boolean {
  // The search is fast for what begins with a character that prose seldom has, which a quote is not.
  const rare = Math.max(0, field.indexOf('_'))
  const end = `${field.slice(rare)}"`
  const first = text.indexOf(end)
  if (first < 0) return false
  const name = `"${field}"`
  if (isMember(text, name, first - rare - 1)) return true
  return text.includes(end, first + 1) && isMember(text, name, text.lastIndexOf(end) - rare - 1)
}

/**
 * Whether a name in quotes here is that of a member of the outermost object. Exact where the text is JSON: a name in quotes
 * that are not escaped is then a string of its own. An object can be cut in front of a member, and both parts be
 * completed, if and only if that member is its own and not one of an object within. The shorter part is the one to try.
 */
function isMember(text: string, name: string, at: number): boolean {
  const after = at + name.length
  if (!text.startsWith(name, at) || !/^\s*:/.test(text.slice(after, after + 64))) return false
  if (at < text.length / 2) return isBehindMembers(text, at)
  return text[at - 1] !== '\\' && parsed(`{${text.slice(at)}`) !== undefined
}

// Whether an object that ends here is JSON with one more member.
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
