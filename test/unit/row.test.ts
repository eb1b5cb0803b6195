import { affinityFetch, type Gateway } from 'llm-affinity'
import { describe, expect, it } from 'vitest'
import { rowOf } from '../../packages/llm-affinity/src/row.ts'

describe('a row of a user’s own', () => {
  const own = { name: 'ours', headers: ['x-ours'] }
  const body = { field: 'key', paths: ['/chat'] }
  const mistakes: [string, object, RegExp][] = [
    ['no name', { headers: ['x-ours'] }, /`gateway.name` to be a string that is not empty, got undefined/],
    ['an empty name', { ...own, name: '' }, /`gateway.name` .*, got ""/],
    ['no headers', { name: 'ours' }, /`gateway.headers` to be a list.*, got undefined/],
    ['an empty list of headers', { ...own, headers: [] }, /`gateway.headers` to be a list, not empty.*, got \[\]/],
    ['a header alone', { ...own, headers: 'x-ours' }, /`gateway.headers` .*, got "x-ours"/],
    ['a header that is none', { ...own, headers: ['x-ours', 7] }, /`gateway.headers` .*, got \["x-ours", a number\]/],
    ['a header with a space', { ...own, headers: ['x ours'] }, /`gateway.headers`/],
    ['a header with a line', { ...own, headers: ['x-ours\n'] }, /`gateway.headers`/],
    ['a header with a colon', { ...own, headers: ['x-ours:'] }, /`gateway.headers`/],
    ['an empty header', { ...own, headers: [''] }, /`gateway.headers`/],
    ...[
      'Host',
      'cookie',
      'TE',
      'content-length',
      'Content-Type',
      'connection',
      'proxy-authorization',
      'sec-fetch-mode',
    ].map((name): [string, object, RegExp] => [
      `the header ${name}`,
      { ...own, headers: [name] },
      /free to carry a key/,
    ]),
    [
      'a parent that is reserved',
      { ...own, parent: 'Authorization' },
      /`gateway.parent` to be a header name that is free/,
    ],
    ['a parent that is a list', { ...own, parent: ['x-parent'] }, /`gateway.parent` .*, got \["x-parent"\]/],
    [
      'a host that is a URL',
      { ...own, hosts: ['https://a.example'] },
      /`gateway.hosts` .*, got \["https:\/\/a.example"\]/,
    ],
    ['a host with a port', { ...own, hosts: ['a.example:443'] }, /`gateway.hosts`/],
    ['a host with a star inside', { ...own, hosts: ['a.*.example'] }, /`gateway.hosts`/],
    ['a star alone', { ...own, hosts: ['*'] }, /`gateway.hosts`/],
    ['a host in upper case', { ...own, hosts: ['A.example'] }, /`gateway.hosts`/],
    ['no hosts in the list', { ...own, hosts: [] }, /`gateway.hosts` .*, got \[\]/],
    ['strict as a word', { ...own, strict: 'yes' }, /`gateway.strict` to be true or false, got "yes"/],
    ['perModel as a number', { ...own, perModel: 1 }, /`gateway.perModel` to be true or false, got a number/],
    ['a value that is a text', { ...own, value: '.*' }, /`gateway.value` to be a RegExp.*, got ".\*"/],
    ['a value with the flag g', { ...own, value: /.*/g }, /`gateway.value` .*without the flags g and y/],
    ['a value with the flag y', { ...own, value: /.*/y }, /`gateway.value` .*without the flags g and y/],
    ['a value that no hash matches', { ...own, value: /^.{1,16}$/ }, /`gateway.value` .*which 32 hex characters match/],
    ['a value that no letter matches', { ...own, value: /^\d+$/ }, /`gateway.value` .*which 32 hex characters match/],
    [
      'a body, and a header that is none',
      { ...own, headers: ['x ours'], body },
      /`gateway.headers` .*, got \["x ours"\]/,
    ],
    ['a body, and no list of headers', { name: 'ours', body }, /`gateway.headers` .*, got undefined/],
    ['a body that is a name', { ...own, body: 'user' }, /`gateway.body` to be an object, got "user"/],
    [
      'a body without a field',
      { ...own, body: { paths: ['/chat'] } },
      /`gateway.body.field` to be a name.*, got undefined/,
    ],
    ['a body without paths', { ...own, body: { field: 'key' } }, /`gateway.body.paths` to be a list.*, got undefined/],
    ['a field with a quote', { ...own, body: { ...body, field: 'a"b' } }, /`gateway.body.field`/],
    ['a field with an empty step', { ...own, body: { ...body, field: 'a..b' } }, /`gateway.body.field` .*, got "a..b"/],
    ['a field of nothing', { ...own, body: { ...body, field: '' } }, /`gateway.body.field`/],
    [
      'a path without a slash',
      { ...own, body: { ...body, paths: ['chat'] } },
      /`gateway.body.paths` .*, got \["chat"\]/,
    ],
    ['a path with a query', { ...own, body: { ...body, paths: ['/chat?a'] } }, /`gateway.body.paths`/],
    ['no paths in the list', { ...own, body: { ...body, paths: [] } }, /`gateway.body.paths`/],
    [
      'a stranger in the body',
      { ...own, body: { ...body, value: 1 } },
      /`gateway.body` to have only field, paths, got "value"/,
    ],
    [
      'evidence that is a name',
      { ...own, evidence: 'x-backend' },
      /`gateway.evidence` to be an object, got "x-backend"/,
    ],
    ['evidence that is a list', { ...own, evidence: ['x-backend'] }, /`gateway.evidence` to be an object/],
    [
      'a backend that is no header',
      { ...own, evidence: { backend: 'x backend' } },
      /`gateway.evidence.backend` to be the name of a header/,
    ],
    ['an outcome that is no header', { ...own, evidence: { outcome: '' } }, /`gateway.evidence.outcome`/],
    ['an echo that is a flag', { ...own, evidence: { echo: true } }, /`gateway.evidence.echo` .*, got a boolean/],
    ['a source that is a list', { ...own, evidence: { source: ['a'] } }, /`gateway.evidence.source`/],
    ['a model that is none', { ...own, evidence: { model: null } }, /`gateway.evidence.model` .*, got null/],
    [
      'tries that are a name',
      { ...own, evidence: { retries: 'x-tries' } },
      /`gateway.evidence.retries` to be a list of header names/,
    ],
    [
      'words that mean nothing',
      { ...own, evidence: { words: { yes: 'sticky' } } },
      /`gateway.evidence.words` to be an object of outcomes/,
    ],
    ['words that are a list', { ...own, evidence: { words: ['hit'] } }, /`gateway.evidence.words`/],
    ['a part that is a text', { ...own, evidence: { part: '-(.*)-' } }, /`gateway.evidence.part` to be a RegExp/],
    [
      'a part with the flag g',
      { ...own, evidence: { part: /a/g } },
      /`gateway.evidence.part` .*without the flags g and y/,
    ],
    [
      'a stranger in the evidence',
      { ...own, evidence: { hit: 'x' } },
      /`gateway.evidence` to have only outcome, .*, got "hit"/,
    ],
    ['a stranger', { ...own, header: 'x-ours' }, /`gateway` to have only name, headers, .*, got "header"/],
    [
      'a stranger by a name that every object has',
      { ...own, constructor: 'x' },
      /`gateway` to have only .*, got "constructor"/,
    ],
    ['a function', { ...own, stamp: () => {} }, /`gateway` to have only .*, got "stamp"/],
    ['a list', [own], /`gateway` to be a name or a row, got an array/],
  ]
  it.each(mistakes)('is refused with %s, at once, saying what is wrong', (_what, gateway, message) => {
    const mistake = (): unknown => affinityFetch({ gateway: gateway as never })
    expect(mistake).toThrow(TypeError)
    expect(mistake).toThrow(/^Expected `gateway/)
    expect(mistake).toThrow(message)
  })

  it.each<[string, Gateway]>([
    ['headers alone', own],
    ['a body field alone', { name: 'ours', headers: [], body }],
    ['members that are not set', { ...own, hosts: undefined as never, strict: undefined as never }],
    [
      'all that there is',
      {
        ...own,
        parent: 'x-parent',
        body: { field: 'a.b-c.d_e', paths: ['/'] },
        value: /^[0-9a-f]{32}$/i,
        hosts: ['*.example.com', 'localhost'],
        strict: false,
        perModel: true,
        evidence: {
          outcome: 'o',
          words: { '': 'hit' },
          backend: 'b',
          part: /x/,
          source: 's',
          echo: 'e',
          model: 'm',
          retries: ['r'],
        },
      },
    ],
  ])('may have %s', (_what, gateway) => {
    expect(rowOf(gateway)).toEqual(gateway)
  })

  it('is read once: what is changed later changes nothing', () => {
    const headers = ['X-Ours']
    const paths = ['/chat']
    const evidence = { backend: 'x-backend', retries: ['x-tries'] }
    const given = { name: 'ours', headers, body: { field: 'key', paths }, value: /^.{1,40}$/, evidence }
    const row = rowOf(given)
    const before = structuredClone(row)
    headers.push('x-late')
    paths.push('/late')
    evidence.retries.push('x-late')
    Object.assign(given, { name: 'late', value: /^$/, strict: true })
    Object.assign(evidence, { backend: 'x-late' })
    expect(row).toEqual(before)
    expect(row.headers).toEqual(['x-ours'])
  })

  it('has its names in lower case, as seams compare them', () => {
    const row = rowOf({ name: 'Ours', headers: ['X-Ours'], parent: 'X-Parent' })
    expect(row).toEqual({ name: 'Ours', headers: ['x-ours'], parent: 'x-parent' })
  })

  it('has each header once, in whatever letter case it is named', () => {
    expect(rowOf({ name: 'ours', headers: ['X-Ours', 'x-ours', 'X-OURS'] }).headers).toEqual(['x-ours'])
  })
})
