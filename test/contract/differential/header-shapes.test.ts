import { runWithSession } from 'llm-affinity'
import { affinityInterceptor } from 'llm-affinity/undici'
import * as undici8 from 'undici'
import * as undici7 from 'undici7'
import { describe, expect, it } from 'vitest'
import { recorder } from '../../support/recorder.ts'
import { keysAt } from '../../support/wire.ts'

const home = await recorder()

type Headers8 = NonNullable<undici8.Dispatcher.RequestOptions['headers']>

const shapes: [string, () => Headers8][] = [
  ['an object', () => ({ a: '1' })],
  ['a Headers', () => new Headers({ a: '1' })],
  ['a Map', () => new Map([['a', '1']])],
  ['a flat list', () => ['a', '1']],
]

const orders = {
  'above ours': (cache: Compose, ours: Compose) => [ours, cache],
  'below ours': (cache: Compose, ours: Compose) => [cache, ours],
}

type Compose = undici8.Dispatcher.DispatcherComposeInterceptor

// The two majors differ in types that no test here touches.
describe.each([
  ['8', undici8],
  ['7', undici7 as unknown as typeof undici8],
])('undici %s', (_version, { Agent, interceptors, request }) => {
  describe.each(Object.entries(orders))('with its cache %s', (_order, compose) => {
    it.each(shapes)('accepts headers as %s, and adds the key', async (_shape, headers) => {
      const ours = affinityInterceptor({ origins: home.origin })
      const dispatcher = new Agent().compose(...compose(interceptors.cache(), ours))
      const call = async (): Promise<number> => {
        const { statusCode, body } = await request(`${home.origin}/v1/models`, { dispatcher, headers: headers() })
        await body.dump()
        return statusCode
      }
      expect(await runWithSession('conversation-42', call)).toBe(200)
      expect(home.requests.map((each) => each.header('a'))).toEqual(['1'])
      expect(keysAt(home)).toEqual(['conversation-42'])
      await dispatcher.close()
    })
  })
})
