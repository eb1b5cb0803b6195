import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { modelOf, withField } from '../../packages/llm-affinity/src/body.ts'

const RUNS = { numRuns: 3_000 }
const KEY = 'conversation-42'
const FIELDS = ['prompt_cache_key', 'metadata.session_id', 'user', '_', 'a-b', '__proto__', 'extra.body.routing.key']

const field = fc.constantFrom(...FIELDS)
// No backslash in a name: once V8 has seen one, JSON.parse of Node 24 and 26 reads a name that begins with an escape as
// that one. Texts below have them.
const name = fc
  .oneof(
    {
      arbitrary: fc.constantFrom(...FIELDS.flatMap((each) => [each, ...each.split('.')])),
      weight: 3,
    },
    {
      arbitrary: fc.constantFrom('model', 'constructor', 'toString', '"', '{', '}', '', '0', '\u2028', '🌍'),
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
  // With own members of whatever name, as JSON.parse makes them.
  object: fc
    .uniqueArray(fc.tuple(name, tie('value')), { maxLength: 6, selector: ([each]) => each })
    .map(Object.fromEntries),
}))
const indent = fc.constantFrom(undefined, 0, 1, 2, '\t', ' \n\r\t')
const space = fc.constantFrom('', ' ', '\n', ' \t\r\n ')
/** A text of an object, in the forms in which it may come. */
const text = fc
  .tuple(object, indent, space, space)
  .map(([value, spaces, before, after]) => before + JSON.stringify(value, null, spaces) + after)

/** What the object of a text becomes, or undefined where the caller has said it already. */
function expected(value: object, [first = '', ...rest]: readonly string[]): object | undefined {
  const present: unknown = Object.getOwnPropertyDescriptor(value, first)?.value
  const entries = Object.entries(value)
  if (!Object.hasOwn(value, first)) {
    return Object.fromEntries([
      [first, rest.reduceRight<unknown>((inner, each) => Object.fromEntries([[each, inner]]), KEY)],
      ...entries,
    ])
  }
  if (rest.length === 0 || typeof present !== 'object' || present === null || Array.isArray(present)) return undefined
  const inner = expected(present, rest)
  return inner && Object.fromEntries(entries.map(([each, held]) => [each, each === first ? inner : held]))
}

describe('withField', () => {
  it('adds the field, or keeps the caller’s own, as if the text were read and written', () => {
    fc.assert(
      fc.property(text, field, (given, path) => {
        const value = expected(JSON.parse(given), path.split('.'))
        const result = withField(given, path, KEY)
        expect(result === undefined ? undefined : JSON.stringify(JSON.parse(result))).toBe(JSON.stringify(value))
      }),
      RUNS,
    )
  })

  it('leaves every byte where it was', () => {
    fc.assert(
      fc.property(text, field, (given, path) => {
        const result = withField(given, path, KEY) ?? given
        let same = 0
        while (same < given.length && result[same] === given[same]) same++
        // What is new stands in one piece somewhere at or before the first difference.
        const added = result.length - given.length
        const isInserted = Array.from({ length: same + 1 }, (_, at) => result.slice(0, at) + result.slice(at + added))
        expect(isInserted).toContain(given)
      }),
      RUNS,
    )
  })

  // Every character of a text may be written as an escape, in names too. JSON.stringify does so with none that is in a
  // field's name, and to look for it would cost as much as to walk.
  it('lets the caller’s own win where its name is written with escapes: it is read, or stands behind ours', () => {
    const escaped = (plain: string, which: readonly boolean[]): string =>
      Array.from(plain, (each, i) =>
        which[i % which.length] ? `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}` : each,
      ).join('')
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 16 }), object, (which, others) => {
        const { prompt_cache_key: _, ...rest } = Object(others)
        const own = `{"${escaped('prompt_cache_key', which)}":"mine",${JSON.stringify(rest).slice(1).replace(/^}/, '"a":1}')}`
        const result = withField(own, 'prompt_cache_key', KEY)
        if (result !== undefined) expect(JSON.parse(result)).toMatchObject({ prompt_cache_key: 'mine' })
        else expect(JSON.parse(own)).toMatchObject({ prompt_cache_key: 'mine' })
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
    // No JSON, which is found out where the name is looked for.
    ['{"user"}', '{"user"}'],
    ['{"a" "user"}', '{"a" "user"}'],
    ['{"a":1 "user":2}', '{"a":1 "user":2}'],
    ['{"a":[1,"user":2}', '{"a":[1,"user":2}'],
  ])('reads %s as JSON does', (given, result) => {
    expect(withField(given, 'user', KEY)).toBe(result)
  })

  it('leaves JSON alone that is no object', () => {
    fc.assert(
      fc.property(
        json.filter((value) => typeof value !== 'object' || value === null || Array.isArray(value)),
        indent,
        space,
        field,
        (value, spaces, around, path) => {
          const given = around + JSON.stringify(value, null, spaces) + around
          expect(withField(given, path, KEY)).toBe(given)
        },
      ),
      RUNS,
    )
  })

  it('takes whatever text there is', () => {
    const shards = fc.array(
      fc.oneof(
        fc.constantFrom(...'{}[]":,\\ \n0123456789truefalsn', '"prompt_cache_key"', '{"', '"}'),
        fc.string({ unit: 'binary' }),
      ),
      { maxLength: 40 },
    )
    const cut = fc.tuple(text, fc.nat(), fc.string()).map(([whole, at, put]) => {
      const where = at % (whole.length + 1)
      return whole.slice(0, where) + put + whole.slice(where + put.length)
    })
    const any = fc.oneof(
      fc.string({ unit: 'binary' }),
      shards.map((parts) => parts.join('')),
      shards.map((parts) => `{"${parts.join('')}}`),
      cut,
    )
    fc.assert(
      fc.property(any, field, (given, path) => {
        const result = withField(given, path, KEY)
        if (result !== undefined && result !== given) {
          expect(result.length).toBeGreaterThan(given.length)
          expect(given).toMatch(/^[\t\n\r ]*\{.*\}[\t\n\r ]*$/s)
        }
        const model = modelOf(given)
        expect(model === undefined || typeof model === 'string').toBe(true)
      }),
      { numRuns: 10_000 },
    )
  })

  // Nothing here is timed: what takes a step per pair of characters does not end in the time that a test has.
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
    ['strings that do not end', `{"a":[${'"x'.repeat(many / 2)}}`],
    ['members', `{${'"a":1,'.repeat(many / 6)}"b":1}`],
    ['names alone', `{${'"prompt_cache_key",'.repeat(many / 20)}}`],
    ['spaces', `{${' '.repeat(many)}}`],
    ['spaces at the end', `{}${' '.repeat(many)}`],
    ['colons', `{"a"${':'.repeat(many)}}`],
    ['digits', `{"a":${'1'.repeat(many)}}`],
  ]
  it.each(adversaries)('takes no longer for %s than for prose', (_what, given) => {
    for (const path of FIELDS) {
      const named = `${given.slice(0, -1)},"x":"${path} ${path.split('.')[0]}"}`
      for (const each of [given, named]) {
        const result = withField(each, path, KEY)
        expect(result === undefined || result.length >= each.length).toBe(true)
      }
    }
    expect(modelOf(given)).toBeUndefined()
  })
})

describe('modelOf', () => {
  it('says what the model is, where it stands in front', () => {
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

  it('finds it behind other members, and not in them', () => {
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
    ['behind a long prompt', JSON.stringify({ messages: 'x'.repeat(5_000), model: 'm' })],
    ['that is cut', JSON.stringify({ model: 'x'.repeat(5_000) })],
    ['of an array', '["model"]'],
    ['of nothing', ''],
    ['of an open object', '{'],
    ['of an open string', '{"model":"m'],
    ['with a bad escape', '{"model":"\\x"}'],
  ])('gives none %s', (_what, given) => {
    expect(modelOf(given)).toBeUndefined()
  })

  it('is as it was sent, escapes read', () => {
    expect(modelOf('{"model":"caf\\u00e9","messages":[')).toBe('café')
    expect(modelOf(` \n{\t"a" : {"model":"inner"} , "model" : "gpt-5"`)).toBe('gpt-5')
  })
})
