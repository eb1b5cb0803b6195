import { affinityFetch, type Gateway } from 'llm-affinity'
import { describe, expect, it } from 'vitest'
import { gateways } from '../../packages/llm-affinity/src/gateways/table.ts'
import { resolveGateway } from '../../packages/llm-affinity/src/gateways/validate.ts'

describe('a user-defined gateway', () => {
  const own = { name: 'ours', headers: ['x-ours'] }
  const body = { field: 'key', paths: ['/chat'] }
  const mistakes: [string, object, RegExp][] = [
    ['no name', { headers: ['x-ours'] }, /`gateway.name` to be a string that is not empty, got undefined/],
    ['an empty name', { ...own, name: '' }, /`gateway.name` .*, got ""/],
    ['no headers', { name: 'ours' }, /`gateway.headers` to be a list.*, got undefined/],
    ['an empty list of headers', { ...own, headers: [] }, /`gateway` to have a header or a `body`, got neither/],
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
    [
      'a parent that is one of its headers',
      { ...own, headers: ['x-other', 'X-Ours'], parent: 'x-OURS' },
      /`gateway.parent` to be none of its headers, got "x-ours"/,
    ],
    ['a parent that is a list', { ...own, parent: ['x-parent'] }, /`gateway.parent` .*, got \["x-parent"\]/],
    [
      'a host that is a URL',
      { ...own, hosts: ['https://a.example'] },
      /`gateway.hosts` .*, got \["https:\/\/a.example"\]/,
    ],
    ['a host with a port', { ...own, hosts: ['a.example:443'] }, /`gateway.hosts`/],
    ['a host with two stars', { ...own, hosts: ['*.a.*.example'] }, /`gateway.hosts`/],
    ['a star alone', { ...own, hosts: ['*'] }, /`gateway.hosts`/],
    ['a host in upper case', { ...own, hosts: ['A.example'] }, /`gateway.hosts`/],
    ['no hosts in the list', { ...own, hosts: [] }, /`gateway.hosts` .*, got \[\]/],
    ['strict as a word', { ...own, requiresKey: 'yes' }, /`gateway.requiresKey` to be true or false, got "yes"/],
    [
      'pinsPerModel as a number',
      { ...own, pinsPerModel: 1 },
      /`gateway.pinsPerModel` to be true or false, got a number/,
    ],
    ['a value that is a text', { ...own, keyPattern: '.*' }, /`gateway.keyPattern` to be a RegExp.*, got ".\*"/],
    ['a value with the flag g', { ...own, keyPattern: /.*/g }, /`gateway.keyPattern` .*without the flags g and y/],
    ['a value with the flag y', { ...own, keyPattern: /.*/y }, /`gateway.keyPattern` .*without the flags g and y/],
    [
      'a value that no hash matches',
      { ...own, keyPattern: /^.{1,16}$/ },
      /`gateway.keyPattern` .*which 32 hex characters match/,
    ],
    [
      'a value that no letter matches',
      { ...own, keyPattern: /^\d+$/ },
      /`gateway.keyPattern` .*which 32 hex characters match/,
    ],
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
    ['a field with a dot', { ...own, body: { ...body, field: 'a.b' } }, /`gateway.body.field` .*, got "a.b"/],
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
      'a backend that is not a header',
      { ...own, evidence: { backend: 'x backend' } },
      /`gateway.evidence.backend` to be a header name, or a list/,
    ],
    ['no backends in the list', { ...own, evidence: { backend: [] } }, /`gateway.evidence.backend` .*, got \[\]/],
    [
      'a backend in the list that is not a header',
      { ...own, evidence: { backend: ['x-a', 'x b'] } },
      /`gateway.evidence.backend` .*, got \["x-a", "x b"\]/,
    ],
    [
      'ambiguous as a word',
      { ...own, evidence: { ambiguous: 'yes' } },
      /`gateway.evidence.ambiguous` to be true or false/,
    ],
    [
      'failures that are a name',
      { ...own, evidence: { failureHeaders: 'x-tries' } },
      /`gateway.evidence.failureHeaders` to be a list/,
    ],
    ['an outcome that is not a header', { ...own, evidence: { outcome: '' } }, /`gateway.evidence.outcome`/],
    ['an echo that is a flag', { ...own, evidence: { echo: true } }, /`gateway.evidence.echo` .*, got a boolean/],
    ['a source that is a list', { ...own, evidence: { source: ['a'] } }, /`gateway.evidence.source`/],
    ['a model that is none', { ...own, evidence: { model: null } }, /`gateway.evidence.model` .*, got null/],
    [
      'tries that are a name',
      { ...own, evidence: { retryHeaders: 'x-tries' } },
      /`gateway.evidence.retryHeaders` to be a list, each a header name/,
    ],
    [
      'words that mean nothing',
      { ...own, evidence: { outcomeValues: { yes: 'sticky' } } },
      /`gateway.evidence.outcomeValues` to be an object of outcomes/,
    ],
    ['words that are a list', { ...own, evidence: { outcomeValues: ['hit'] } }, /`gateway.evidence.outcomeValues`/],
    [
      'a part that is a text',
      { ...own, evidence: { backendPattern: '-(.*)-' } },
      /`gateway.evidence.backendPattern` to be a RegExp/,
    ],
    [
      'a part with the flag g',
      { ...own, evidence: { backendPattern: /a/g } },
      /`gateway.evidence.backendPattern` .*without the flags g and y/,
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
  it.each(mistakes)('is rejected with %s at once, with the reason', (_what, gateway, message) => {
    const mistake = (): unknown => affinityFetch({ gateway: gateway as never })
    expect(mistake).toThrow(TypeError)
    expect(mistake).toThrow(/^Expected `gateway/)
    expect(mistake).toThrow(message)
  })

  it.each<[string, Gateway]>([
    ['headers alone', own],
    ['a body field alone', { name: 'ours', headers: [], body }],
    ['members that are not set', { ...own, hosts: undefined as never, requiresKey: undefined as never }],
    [
      'all that there is',
      {
        ...own,
        parent: 'x-parent',
        body: { field: 'b-c_d', paths: ['/'] },
        keyPattern: /^[0-9a-f]{32}$/i,
        hosts: ['*.example.com', 'localhost', 'api.*.example.com', '*-api.example.com'],
        requiresKey: false,
        pinsPerModel: true,
        evidence: {
          outcome: 'o',
          outcomeValues: { '': 'hit' },
          backend: 'b',
          backendPattern: /x/,
          source: 's',
          echo: 'e',
          model: 'm',
          ambiguous: true,
          retryHeaders: ['r'],
          failureHeaders: ['f'],
        },
      },
    ],
    ['several headers that name the backend', { ...own, evidence: { backend: ['x-a', 'x-b'] } }],
  ])('may have %s', (_what, gateway) => {
    expect(resolveGateway(gateway)).toEqual(gateway)
  })

  it('is read once: later changes have no effect', () => {
    const headers = ['X-Ours']
    const paths = ['/chat']
    const evidence = { backend: 'x-backend', retryHeaders: ['x-tries'] }
    const given = { name: 'ours', headers, body: { field: 'key', paths }, keyPattern: /^.{1,40}$/, evidence }
    const row = resolveGateway(given)
    const before = structuredClone(row)
    headers.push('x-late')
    paths.push('/late')
    evidence.retryHeaders.push('x-late')
    Object.assign(given, { name: 'late', keyPattern: /^$/, requiresKey: true })
    Object.assign(evidence, { backend: 'x-late' })
    expect(row).toEqual(before)
    expect(row.headers).toEqual(['x-ours'])
  })

  it('has its names in lower case, as integrations compare them', () => {
    const row = resolveGateway({ name: 'Ours', headers: ['X-Ours'], parent: 'X-Parent' })
    expect(row).toEqual({ name: 'Ours', headers: ['x-ours'], parent: 'x-parent' })
  })

  it.each<[string, Gateway]>([
    ['a parent', { ...gateways.get('dynamo'), parent: 'x-dynamo-parent-session-id' }],
    ['keys for side calls', { ...gateways.get('litellm'), requiresKey: true }],
    ['evidence', { ...gateways.get('smg'), evidence: { backend: 'x-smg-routed-worker-id', ambiguous: true } }],
  ])('may be one of the table with a change: %s', (_what, gateway) => {
    expect(resolveGateway(gateway)).toEqual(gateway)
  })

  it('has each header once, in whatever letter case it is named', () => {
    expect(resolveGateway({ name: 'ours', headers: ['X-Ours', 'x-ours', 'X-OURS'] }).headers).toEqual(['x-ours'])
  })
})
