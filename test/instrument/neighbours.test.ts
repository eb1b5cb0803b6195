import { describe, expect, it } from 'vitest'
import { NAMES } from '../support/wire.ts'
import { currentNodes } from './table.ts'
import { describeNodes, expectKeys, itIsTrueOf, useWorld } from './world.ts'

const ID = 'conversation-42'
const FETCH = 'the built-in fetch'
const OUTCOMES = [FETCH, 'undici7, request, an Agent', 'undici, request, an Agent', 'node:http']
// The servers without TLS speak no HTTP/2.
const isPlain = ({ tlsOnly }: { tlsOnly?: boolean }): boolean => tlsOnly !== true

const world = useWorld()

describeNodes(currentNodes, (node) => {
  const start = () => world.start(node)
  const origins = () => [world.http.origin]
  const base = () => `${world.http.origin}/plain`
  const keys = () => world.http.home.received.map((request) => request.keys)
  const stamped = NAMES.map(() => ID)

  describe('instrument beside a header of the caller', () => {
    for (const client of node.clients.filter(isPlain)) {
      itIsTrueOf(node, client, 'leaves it alone, in any letter case, and adds nothing', async () => {
        const program = start()
        await program.run('make', { client: client.name, base: base() })
        await program.run('instrument', { origins: origins() })
        for (const name of NAMES) {
          for (const written of [name, name.toUpperCase()]) {
            expect(await program.run('turns', { id: ID, headers: { [written]: 'mine' } })).toEqual([200])
          }
        }
        expect(keys()).toEqual([['mine'], ['mine'], ['mine'], ['mine']])
      })
    }
  })

  describe('two instruments at once', () => {
    for (const client of node.clients.filter(isPlain)) {
      itIsTrueOf(node, client, 'are stamped once, as long as one is not undone', async () => {
        const program = start()
        await program.run('make', { client: client.name, base: base() })
        for (const as of ['first', 'second']) await program.run('instrument', { origins: origins(), as })
        await program.run('converse', { conversations: 5 })
        expectKeys(world.http, client.reach)
        world.http.home.clear()
        await program.run('undo', { as: 'first' })
        await program.run('turns', { id: ID })
        expect(keys()).toEqual([client.reach === 'none' ? [] : stamped])
        world.http.home.clear()
        await program.run('undo', { as: 'second' })
        await program.run('undo', { as: 'second' })
        await program.run('turns', { id: ID })
        expect(keys()).toEqual([[]])
      })
    }
  })

  describe('instrument beside another integration', () => {
    it.each([
      ['patchGlobalFetch', FETCH],
      ['withAffinity and patchGlobalFetch', 'openai 7 through withAffinity'],
      ['withAffinity and affinityInterceptor', 'openai 7 through withAffinity and affinityInterceptor'],
      ['affinityInterceptor, undici 7', 'undici7, request, affinityInterceptor'],
      ['affinityInterceptor, undici 8', 'undici, request, affinityInterceptor'],
    ])('stamps no call twice: %s', async (title, client) => {
      const program = start()
      if (title.includes('patchGlobalFetch')) await program.run('patch', { origins: origins() })
      await program.run('make', { client, base: base() })
      await program.run('instrument', { origins: origins() })
      await program.run('converse', { conversations: 20 })
      expectKeys(world.http, 'all')
    })
  })

  describe('instrument with outcomes', () => {
    it.each(OUTCOMES)('reports a hit on the second turn: %s', async (client) => {
      const gateway = { name: 'ours', headers: NAMES, evidence: { backend: 'x-backend' } }
      const program = start()
      await program.run('make', { client, base: base() })
      await program.run('instrument', { origins: origins(), gateway, listens: true })
      expect(await program.run('turns', { id: ID, count: 2 })).toEqual([200, 200])
      const outcome = { id: ID, status: 200, backend: 'backend-1' }
      expect(await program.run('outcomes')).toEqual([
        { ...outcome, result: 'unknown' },
        { ...outcome, result: 'hit' },
      ])
      expect(await program.run('turns', { id: 'outside-1' })).toEqual([200])
      expect(await program.run('outcomes')).toEqual([])
    })
  })

  describe('instrument with a bound session', () => {
    it('stamps calls outside of any scope with its key', async () => {
      const program = start()
      await program.run('make', { client: FETCH, base: base() })
      await program.run('instrument', { origins: origins(), session: ID })
      await program.run('turns', { id: 'outside-1' })
      expect(keys()).toEqual([stamped])
    })
  })

  describe('instrument with a mistake in its options', () => {
    it.each([
      ['nothing', []],
      ['no origins', [{}]],
      ['an empty list of origins', [{ origins: [] }]],
      ['an origin that is not a URL', [{ origins: ['gateway'] }]],
      ['an option that it does not have', [{ origins: ['http://gateway.test'], origin: 1 }]],
    ])('throws a TypeError about the option: %s', async (_title, args) => {
      expect(await start().run('mistake', { args })).toMatchObject({
        name: 'TypeError',
        message: expect.stringMatching(/^Expected .*origins.*, got /),
      })
    })

    it('has subscribed to nothing', async () => {
      const program = start()
      await program.run('make', { client: FETCH, base: base() })
      await program.run('mistake', { args: [{ origins: [...origins(), 'gateway'] }] })
      await program.run('turns', { id: ID })
      expect(keys()).toEqual([[]])
    })
  })
})
