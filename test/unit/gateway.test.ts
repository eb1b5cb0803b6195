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
    ['headers that are a string', { ...own, headers: 'x-ours' }, /`gateway.headers` .*, got "x-ours"/],
    [
      'a header that is a number',
      { ...own, headers: ['x-ours', 7] },
      /`gateway.headers` .*, got \["x-ours", a number\]/,
    ],
    ['a header with a space', { ...own, headers: ['x ours'] }, /`gateway.headers`/],
    ['a header with a line break', { ...own, headers: ['x-ours\n'] }, /`gateway.headers`/],
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
    ['only a star as a host', { ...own, hosts: ['*'] }, /`gateway.hosts`/],
    ['a host in upper case', { ...own, hosts: ['A.example'] }, /`gateway.hosts`/],
    ['an empty list of hosts', { ...own, hosts: [] }, /`gateway.hosts` .*, got \[\]/],
    ['requiresKey as a string', { ...own, requiresKey: 'yes' }, /`gateway.requiresKey` to be true or false, got "yes"/],
    [
      'pinsPerModel as a number',
      { ...own, pinsPerModel: 1 },
      /`gateway.pinsPerModel` to be true or false, got a number/,
    ],
    ['a keyPattern that is a string', { ...own, keyPattern: '.*' }, /`gateway.keyPattern` to be a RegExp.*, got ".\*"/],
    ['a keyPattern with the flag g', { ...own, keyPattern: /.*/g }, /`gateway.keyPattern` .*without the flags g and y/],
    ['a keyPattern with the flag y', { ...own, keyPattern: /.*/y }, /`gateway.keyPattern` .*without the flags g and y/],
    [
      'a keyPattern that no hash matches',
      { ...own, keyPattern: /^.{1,16}$/ },
      /`gateway.keyPattern` .*which 32 hex characters match/,
    ],
    [
      'a keyPattern that no letter matches',
      { ...own, keyPattern: /^\d+$/ },
      /`gateway.keyPattern` .*which 32 hex characters match/,
    ],
    ['a body, and an invalid header', { ...own, headers: ['x ours'], body }, /`gateway.headers` .*, got \["x ours"\]/],
    ['a body, and no list of headers', { name: 'ours', body }, /`gateway.headers` .*, got undefined/],
    ['a body that is a string', { ...own, body: 'user' }, /`gateway.body` to be an object, got "user"/],
    [
      'a body without a field',
      { ...own, body: { paths: ['/chat'] } },
      /`gateway.body.field` to be a name.*, got undefined/,
    ],
    ['a body without paths', { ...own, body: { field: 'key' } }, /`gateway.body.paths` to be a list.*, got undefined/],
    ['a field with a quote', { ...own, body: { ...body, field: 'a"b' } }, /`gateway.body.field`/],
    ['a field with a dot', { ...own, body: { ...body, field: 'a.b' } }, /`gateway.body.field` .*, got "a.b"/],
    ['an empty field', { ...own, body: { ...body, field: '' } }, /`gateway.body.field`/],
    [
      'a path without a slash',
      { ...own, body: { ...body, paths: ['chat'] } },
      /`gateway.body.paths` .*, got \["chat"\]/,
    ],
    ['a path with a query', { ...own, body: { ...body, paths: ['/chat?a'] } }, /`gateway.body.paths`/],
    ['an empty list of paths', { ...own, body: { ...body, paths: [] } }, /`gateway.body.paths`/],
    [
      'an unknown member in the body',
      { ...own, body: { ...body, value: 1 } },
      /`gateway.body` to have only field, paths, got "value"/,
    ],
    [
      'evidence that is a string',
      { ...own, evidence: 'x-backend' },
      /`gateway.evidence` to be an object, got "x-backend"/,
    ],
    ['evidence that is a list', { ...own, evidence: ['x-backend'] }, /`gateway.evidence` to be an object/],
    [
      'a backend that is not a header',
      { ...own, evidence: { backend: 'x backend' } },
      /`gateway.evidence.backend` to be a header name, or a list/,
    ],
    ['an empty list of backends', { ...own, evidence: { backend: [] } }, /`gateway.evidence.backend` .*, got \[\]/],
    [
      'a backend in the list that is not a header',
      { ...own, evidence: { backend: ['x-a', 'x b'] } },
      /`gateway.evidence.backend` .*, got \["x-a", "x b"\]/,
    ],
    [
      'ambiguous as a string',
      { ...own, evidence: { ambiguous: 'yes' } },
      /`gateway.evidence.ambiguous` to be true or false/,
    ],
    [
      'failureHeaders that are a string',
      { ...own, evidence: { failureHeaders: 'x-tries' } },
      /`gateway.evidence.failureHeaders` to be a list/,
    ],
    ['an outcome that is not a header', { ...own, evidence: { outcome: '' } }, /`gateway.evidence.outcome`/],
    ['an echo that is a flag', { ...own, evidence: { echo: true } }, /`gateway.evidence.echo` .*, got a boolean/],
    ['a source that is a list', { ...own, evidence: { source: ['a'] } }, /`gateway.evidence.source`/],
    ['a model that is null', { ...own, evidence: { model: null } }, /`gateway.evidence.model` .*, got null/],
    [
      'retryHeaders that are a string',
      { ...own, evidence: { retryHeaders: 'x-tries' } },
      /`gateway.evidence.retryHeaders` to be a list, each a header name/,
    ],
    [
      'outcomeValues that are not results',
      { ...own, evidence: { outcomeValues: { yes: 'sticky' } } },
      /`gateway.evidence.outcomeValues` to be an object of outcomes/,
    ],
    [
      'outcomeValues that are a list',
      { ...own, evidence: { outcomeValues: ['hit'] } },
      /`gateway.evidence.outcomeValues`/,
    ],
    [
      'a backendPattern that is a string',
      { ...own, evidence: { backendPattern: '-(.*)-' } },
      /`gateway.evidence.backendPattern` to be a RegExp/,
    ],
    [
      'a backendPattern with the flag g',
      { ...own, evidence: { backendPattern: /a/g } },
      /`gateway.evidence.backendPattern` .*without the flags g and y/,
    ],
    [
      'an unknown member in the evidence',
      { ...own, evidence: { hit: 'x' } },
      /`gateway.evidence` to have only outcome, .*, got "hit"/,
    ],
    ['an unknown member', { ...own, header: 'x-ours' }, /`gateway` to have only name, headers, .*, got "header"/],
    [
      'an unknown member whose name every object inherits',
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
    ['only headers', own],
    ['only a body field', { name: 'ours', headers: [], body }],
    ['members that are not set', { ...own, hosts: undefined as never, requiresKey: undefined as never }],
    [
      'every member',
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

  it('has its header names in lower case, as integrations compare them', () => {
    const row = resolveGateway({ name: 'Ours', headers: ['X-Ours'], parent: 'X-Parent' })
    expect(row).toEqual({ name: 'Ours', headers: ['x-ours'], parent: 'x-parent' })
  })

  it.each<[string, Gateway]>([
    ['a parent', { ...gateways.get('dynamo'), parent: 'x-dynamo-parent-session-id' }],
    ['keys for side calls', { ...gateways.get('litellm'), requiresKey: true }],
    ['evidence', { ...gateways.get('smg'), evidence: { backend: 'x-smg-routed-worker-id', ambiguous: true } }],
  ])('may be a row of the table with a change: %s', (_what, gateway) => {
    expect(resolveGateway(gateway)).toEqual(gateway)
  })

  it('has each header once, in whatever letter case it is given', () => {
    expect(resolveGateway({ name: 'ours', headers: ['X-Ours', 'x-ours', 'X-OURS'] }).headers).toEqual(['x-ours'])
  })
})
