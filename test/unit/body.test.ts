import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { modelOf, withField } from '../../packages/llm-affinity/src/stamping/json-field.ts'
import { runNode } from '../support/child.ts'

const RUNS = { numRuns: 3_000 }
const KEY = 'conversation-42'
const FIELDS = ['prompt_cache_key', 'session_id', 'user', '_', 'a-b', '__proto__', 'u0075']

const field = fc.constantFrom(...FIELDS)
// No backslash in a name: once V8 has seen one, JSON.parse in Node 24 and 26 misreads a name that begins with an escape as
// that name. Some texts below have them.
const name = fc
  .oneof(
    { arbitrary: fc.constantFrom(...FIELDS), weight: 3 },
    {
      arbitrary: fc.constantFrom(
        'model',
        'constructor',
        'toString',
        '"',
        '"user":1',
        '{',
        '}',
        '',
        '0',
        '\u2028',
        '🌍',
      ),
      weight: 2,
    },
    { arbitrary: fc.string({ unit: 'binary' }), weight: 1 },
  )
  .filter((each) => !each.includes('\\'))
const { value: json, object } = fc.letrec<{ value: unknown; object: object }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.jsonValue({ maxDepth: 0 }),
    name,
    fc.constantFrom('\\', '\\\\"', '\\"', '}\\'),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  // With own members of any name, as JSON.parse creates them.
  object: fc
    .uniqueArray(fc.tuple(name, tie('value')), { maxLength: 6, selector: ([each]) => each })
    .map(Object.fromEntries),
}))
const indent = fc.constantFrom(undefined, 0, 1, 2, '\t', ' \n\r\t')
const space = fc.constantFrom('', ' ', '\n', ' \t\r\n ')
/** The JSON text of an object, with varying whitespace. */
const text = fc
  .tuple(object, indent, space, space)
  .map(([value, spaces, before, after]) => before + JSON.stringify(value, null, spaces) + after)

/** Texts from a grammar and not from JSON.stringify: with repeated or escaped names, and any whitespace between. */
const written = fc.letrec<Record<'value' | 'object' | 'member' | 'name' | 'string', string>>((tie) => ({
  name: fc.tuple(name, fc.nat()).map(([plain, which]) => withEscapes(plain, which)),
  string: fc
    .tuple(fc.oneof(name, fc.constantFrom('\\', '{"user":1}', ',"user":', '\\"user\\":')), fc.nat())
    .map(([plain, which]) => withEscapes(plain, which)),
  member: fc
    .tuple(space, tie('name'), space, tie('value'), space)
    .map(([a, key, b, value, c]) => `${a}${key}${b}:${value}${c}`),
  object: fc.array(tie('member'), { maxLength: 4 }).map((members) => `{${members.join()}}`),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('1', 'null', '-1.5e3', '[]', '{}', ' true '),
    tie('string'),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => `[${values.join()}]`),
    tie('object'),
  ),
}))

/** A JSON string with some characters escaped. Half of the strings have no escapes. */
function withEscapes(plain: string, which: number): string {
  const letters = Array.from(plain, (each, i) => {
    if (which % 2 === 1 || each.length > 1 || (which >> (i % 16)) % 4 !== 0) return JSON.stringify(each).slice(1, -1)
    const hex = each.charCodeAt(0).toString(16).padStart(4, '0')
    return `\\u${which % 3 === 0 ? hex.toUpperCase() : hex}`
  })
  return `"${letters.join('')}"`
}

/** A text with a mistake in it: truncated, or with some characters replaced by others. */
const slipped = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      texts,
      fc.nat(),
      fc.nat({ max: 3 }),
      fc.constantFrom('', ...'{}[]":,\\ \n\0x1', '\uFEFF', '"user":1,', '{"a":1}'),
      fc.boolean(),
    )
    .map(([whole, at, gone, put, cut]) => {
      const where = at % (whole.length + 1)
      return cut ? whole.slice(0, where) + put : whole.slice(0, where) + put + whole.slice(where + gone)
    })

/** The object that JSON.parse returns for a text, or undefined if it does not return one. */
function objectOf(given: string): object | undefined {
  try {
    const value: unknown = JSON.parse(given)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Asserts the result of `withField`, and returns which case the text was. */
function expectSame(given: string, name: string): 'not JSON' | 'own' | 'written' {
  const result = withField(given, name, JSON.stringify(KEY))
  const object = objectOf(given)
  if (object === undefined) {
    expect(result ?? given).toBe(given)
    return 'not JSON'
  }
  if (Object.hasOwn(object, name)) {
    expect(result).toBeUndefined()
    return 'own'
  }
  const open = given.indexOf('{') + 1
  const added = `"${name}":"${KEY}"${Object.keys(object).length === 0 ? '' : ','}`
  expect(result === given.slice(0, open) + added + given.slice(open)).toBe(true)
  expect(objectOf(result ?? '')).toHaveProperty([name], KEY)
  return 'written'
}

describe('withField', () => {
  it.each([
    ['written by JSON.stringify', text, ['own', 'written'] as const],
    ['of any valid JSON object, with repeated and escaped names', written.object, ['own', 'written'] as const],
    ['with a mistake in it', slipped(fc.oneof(text, written.object)), ['not JSON', 'own', 'written'] as const],
    [
      'of another JSON value, or not JSON at all',
      fc.oneof(written.value, fc.string({ unit: 'binary' })),
      ['not JSON', 'written'] as const,
    ],
  ])('treats a text %s as parsing and serialising would, byte for byte', (_what, texts, often) => {
    const seen = { 'not JSON': 0, own: 0, written: 0 }
    fc.assert(
      fc.property(texts, field, (given, name) => {
        seen[expectSame(given, name)]++
      }),
      { numRuns: 10_000 },
    )
    for (const each of often) expect(seen[each], `generated texts that are ${each}`).toBeGreaterThan(50)
  })

  it('recognises the caller’s own field however its name is escaped, and writes no second one', () => {
    fc.assert(
      fc.property(fc.nat(), written.object, fc.boolean(), (which, others, isFirst) => {
        const mine = `${withEscapes('prompt_cache_key', which)} : "mine"`
        const inner = others.slice(1, -1)
        const members = (isFirst ? [mine, inner] : [inner, mine]).filter((each) => each.trim() !== '')
        expect(withField(`{${members.join()}}`, 'prompt_cache_key', JSON.stringify(KEY))).toBeUndefined()
      }),
      RUNS,
    )
  })

  it.each([
    ['{"\\\\":1}', `{"user":"${KEY}","\\\\":1}`],
    ['{"\\\\\\"":1,"a":"\\\\"}', `{"user":"${KEY}","\\\\\\"":1,"a":"\\\\"}`],
    ['{"\\\\":"user","user":1}', undefined],
    ['{"a":"\\\\","user":1}', undefined],
    ['{"a":"\\\\\\"","user":1}', undefined],
    ['{"a":"\\\\\\",\\"user\\":1"}', `{"user":"${KEY}","a":"\\\\\\",\\"user\\":1"}`],
    ['{"a":["}",{"user":1}],"user":1}', undefined],
    ['{"a":["}",{"user":1}]}', `{"user":"${KEY}","a":["}",{"user":1}]}`],
    ['{"a\\"user":1}', `{"user":"${KEY}","a\\"user":1}`],
    ['{"a":"in the first half","a\\"user":1}', `{"user":"${KEY}","a":"in the first half","a\\"user":1}`],
    ['{"a":"{\\"user\\":1}"}', `{"user":"${KEY}","a":"{\\"user\\":1}"}`],
    ['{"a":[{"user":1}],"b":{"user":2}}', `{"user":"${KEY}","a":[{"user":1}],"b":{"user":2}}`],
    ['{"a":{"user":1},"user":2,"b":{"user":3}}', undefined],
    ['{"user":1,"user":2}', undefined],
    ['{"a":"user","b":{"user":"user"}}', `{"user":"${KEY}","a":"user","b":{"user":"user"}}`],
    ['{"\\u0075ser":1}', undefined],
    ['{"a":1,"\\u0075\\u0073\\u0065\\u0072" : 1}', undefined],
    ['{"\\\\u0075ser":1}', `{"user":"${KEY}","\\\\u0075ser":1}`],
    // Not JSON.
    ['\uFEFF{"a":1}', '\uFEFF{"a":1}'],
    ['{"a":1}{"b":2}', '{"a":1}{"b":2}'],
    ['{"a":1}\n{"b":2}\n', '{"a":1}\n{"b":2}\n'],
    ['{"a":1,}', '{"a":1,}'],
    ['{"a":NaN}', '{"a":NaN}'],
    ['{"a":"\n"}', '{"a":"\n"}'],
    ["{'a':1}", "{'a':1}"],
    ['{"a":1};', '{"a":1};'],
    ['{"a":"}', '{"a":"}'],
    ['{"user"}', '{"user"}'],
    ['{"a" "user"}', '{"a" "user"}'],
    ['{"a":1 "user":2}', '{"a":1 "user":2}'],
    ['{"a":[1,"user":2}', '{"a":[1,"user":2}'],
    // Not JSON either, but its end looks like the field. Nothing is written.
    ['{"a":["the first half","user":2}', undefined],
  ])('reads %s as JSON does', (given, result) => {
    expect(withField(given, 'user', JSON.stringify(KEY))).toBe(result)
  })

  it.each([
    ['before', (prompts: unknown) => ({ model: 'm', prompt_cache_key: 'mine', prompts })],
    ['after', (prompts: unknown) => ({ model: 'm', prompts, prompt_cache_key: 'mine', stream: true })],
    [
      'after, with the same name at a deeper level, ',
      (prompts: unknown) => ({ metadata: { prompt_cache_key: 1 }, prompts, prompt_cache_key: 'mine' }),
    ],
  ])('parses only a small part of a text whose own field is %s its prompts', (_where, make) => {
    const given = JSON.stringify(make(Array.from({ length: 1_000 }, () => 'say "prompt_cache_key": ')))
    const parse = vi.spyOn(JSON, 'parse')
    expect(withField(given, 'prompt_cache_key', JSON.stringify(KEY))).toBeUndefined()
    const read = parse.mock.calls.reduce((sum, [each]) => sum + each.length, 0)
    parse.mockRestore()
    expect(read).toBeGreaterThan(0)
    expect(read).toBeLessThan(200)
  })

  // Nothing here is measured: an algorithm of quadratic time does not finish within the test's timeout.
  const many = 1_000_000
  const adversaries: [string, string][] = [
    ['backslashes', `{"a":"${'\\'.repeat(many)}"}`],
    ['an odd number of backslashes', `{"a":"${'\\'.repeat(many + 1)}"}`],
    ['escaped quotes', `{"a":"${'\\"'.repeat(many / 2)}"}`],
    ['quotes', `{"a":${'"'.repeat(many)}}`],
    ['empty strings', `{"a":[${'"",'.repeat(many / 3)}""]}`],
    ['open brackets', `{"a":${'['.repeat(many)}}`],
    ['nested brackets', `{"a":${'['.repeat(many / 2)}${']'.repeat(many / 2)}}`],
    ['nested objects', `${'{"metadata":'.repeat(many / 12)}{}${'}'.repeat(many / 12)}`],
    ['open objects', `${'{"metadata":'.repeat(many / 12)}}`],
    ['unterminated strings', `{"a":[${'"x'.repeat(many / 2)}}`],
    ['members', `{${'"a":1,'.repeat(many / 6)}"b":1}`],
    ['names without values', `{${'"prompt_cache_key",'.repeat(many / 20)}}`],
    ['spaces', `{${' '.repeat(many)}}`],
    ['spaces at the end', `{}${' '.repeat(many)}`],
    ['colons', `{"a"${':'.repeat(many)}}`],
    ['digits', `{"a":${'1'.repeat(many)}}`],
    ['the name in nested objects', `{"a":[${'{"prompt_cache_key":1},'.repeat(many / 23)}0]}`],
    [
      'the name at ever deeper levels',
      `${'{"prompt_cache_key":'.repeat(many / 21)}1${'}'.repeat(many / 21)}`.replace('prompt', 'a'),
    ],
    ['the name in prompts', `{"a":"${',\\"prompt_cache_key\\":1'.repeat(many / 23)}"}`],
    ['the name as a value', `{"a":[${'"prompt_cache_key",'.repeat(many / 20)}1]}`],
    ['the name in unterminated objects', `{"a":[${'{"prompt_cache_key":'.repeat(many / 21)}}`],
    ['escapes in names', `{"a":[${'{"\\u0070rompt_cache_ke\\u0079":1},'.repeat(many / 33)}0]}`],
  ]
  it.each(adversaries)('takes linear time for %s', (_what, given) => {
    for (const name of ['prompt_cache_key', 'user']) {
      const named = `${given.slice(0, -1)},"x":"${name} ${name}"}`
      for (const each of [given, named]) expectSame(each, name)
    }
    expect(modelOf(given)).toBeUndefined()
  })

  // In a separate process: V8 keeps the names that it has seen, and other tests would add more.
  it('recognises the caller’s own field where V8 misreads its name', async () => {
    const source = new URL('../../packages/llm-affinity/src/stamping/json-field.ts', import.meta.url).href
    const misread = '{"a":0,"\\u005f":"mine"}'
    const long = `{"a":0,"\\u0062":${'1'.repeat(200)},"\\u005f":1}`
    const script = `
      import { withField } from ${JSON.stringify(source)}
      // As long as Node 24 remembers this backslash, it reads every name of one escaped character as a backslash.
      const kept = JSON.parse(${JSON.stringify('{"a":0,"\\\\":1}')})
      const results = [${JSON.stringify(misread)}, ${JSON.stringify(long)}].map((text) => withField(text, '_', '"k"') ?? 'own')
      console.log(Object.keys(kept).length, results.join(), withField(${JSON.stringify(misread)}, 'a-b', '"k"'))`
    const { stdout } = await runNode(['--input-type=module', '-e', script])
    expect(stdout.trim()).toBe(`2 own,own {"a-b":"k",${misread.slice(1)}`)
  })
})

describe('modelOf', () => {
  it('finds the model at the beginning', () => {
    fc.assert(
      fc.property(fc.oneof(json, fc.string({ unit: 'binary' })), object, indent, (model, rest, spaces) => {
        const { model: _, ...others } = Object(rest)
        const given = JSON.stringify({ model, ...others }, null, spaces)
        const [first] = Object.keys(JSON.parse(given))
        fc.pre(first === 'model' && given.length < 4096)
        expect(modelOf(given)).toBe(typeof model === 'string' ? JSON.parse(given).model : undefined)
      }),
      RUNS,
    )
  })

  it('finds the usage after other members, and not inside them', () => {
    fc.assert(
      fc.property(text, (given) => {
        fc.pre(given.length < 4096)
        const { model }: { model?: unknown } = Object.assign(Object.create(null), JSON.parse(given))
        expect(modelOf(given)).toBe(typeof model === 'string' ? model : undefined)
      }),
      RUNS,
    )
  })

  it.each([
    ['after a long prompt', JSON.stringify({ messages: 'x'.repeat(5_000), model: 'm' })],
    ['when it is truncated', JSON.stringify({ model: 'x'.repeat(5_000) })],
    ['in an array', '["model"]'],
    ['in an empty text', ''],
    ['in an unterminated object', '{'],
    ['in an unterminated string', '{"model":"m'],
    ['with a bad escape', '{"model":"\\x"}'],
  ])('returns no model %s', (_what, given) => {
    expect(modelOf(given)).toBeUndefined()
  })

  it('is read as it was sent, with its escapes', () => {
    expect(modelOf('{"model":"caf\\u00e9","messages":[')).toBe('café')
    expect(modelOf(` \n{\t"a" : {"model":"inner"} , "model" : "gpt-5"`)).toBe('gpt-5')
  })
})
