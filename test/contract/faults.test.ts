import { runWithoutSession, runWithSession, Session } from 'llm-affinity'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { integrations } from '../support/integrations.ts'
import { recorder } from '../support/recorder.ts'
import { keysAt } from '../support/wire.ts'

// Our own code, made to fail on demand. fetch, undici and the SDKs are not replaced.
const fault = vi.hoisted(() => ({ in: '' }))

function failing<Module extends object>(module: Module): Module {
  const entries = Object.entries(module).map(([name, value]) => [
    name,
    typeof value !== 'function' || /^class\b/.test(String(value))
      ? value
      : (...args: unknown[]) => {
          if (fault.in === name) throw new Error(`a fault in ${name}`)
          return value(...args)
        },
  ])
  return Object.fromEntries(entries)
}

vi.mock('../../packages/llm-affinity/src/stamping/request-headers.ts', async (original) =>
  failing(await original<object>()),
)
vi.mock('../../packages/llm-affinity/src/stamping/stamp.ts', async (original) => failing(await original<object>()))
vi.mock('../../packages/llm-affinity/src/session/scope.ts', async (original) => failing(await original<object>()))
vi.mock('../../packages/llm-affinity/src/session/key.ts', async (original) => failing(await original<object>()))

const server = await recorder()
afterEach(() => {
  fault.in = ''
})

const STRICT = { name: 'strict', headers: ['x-session-id', 'x-litellm-session-id'], requiresKey: true }

describe.each(integrations)('$name', (integration) => {
  const isDispatch = integration.name.startsWith('undici')

  it.each(['activeScope', 'stampFor', isDispatch ? 'stampDispatchHeaders' : 'stampHeaders'])(
    'sends a request once and unstamped when %s fails, and stamps again when it no longer fails',
    async (name) => {
      const client = integration.connect(server.origin, {})
      fault.in = name
      const answer = await runWithSession('conversation-42', () => client.call())
      fault.in = ''
      await runWithSession('conversation-42', () => client.call())
      await client.close()
      expect(answer).not.toBe('')
      expect(keysAt(server)).toEqual([undefined, 'conversation-42'])
    },
  )

  it('sends a side call once and unstamped when the key of its lane cannot be derived', async () => {
    const client = integration.connect(server.origin, { gateway: STRICT })
    fault.in = 'derivedKey'
    await runWithSession('conversation-42', () => runWithoutSession(() => client.call()))
    await client.close()
    expect(keysAt(server)).toEqual([undefined])
  })

  it('sends a request once and unstamped when a user-defined session throws', async () => {
    class Moody extends Session {
      override get key(): string {
        throw new Error('not today')
      }
    }
    const client = integration.connect(server.origin, { session: new Moody() })
    await client.call()
    await client.close()
    expect(keysAt(server)).toEqual([undefined])
  })

  if (integration.followsByHand)
    it('follows a redirect unstamped when stamping the hop fails', async () => {
      let calls = 0
      class Late extends Session {
        override get key(): string {
          if (++calls > 1) throw new Error('not again')
          return 'conversation-42'
        }
      }
      server.script({ status: 307, headers: { location: `${server.origin}/v1/chat/completions` } })
      const client = integration.connect(server.origin, { session: new Late() })
      await client.call().catch(() => {})
      await client.close()
      expect(keysAt(server)).toEqual(['conversation-42', undefined])
    })
})

it('warns once about repeated faults, and names no id, key or URL', async () => {
  const warnings: string[] = []
  const listen = (warning: Error): number => warnings.push(warning.message)
  process.on('warning', listen)
  vi.resetModules()
  const fresh = await import('llm-affinity')
  fault.in = 'stampFor'
  const send = fresh.affinityFetch()
  for (let i = 0; i < 3; i++) {
    await fresh.runWithSession('conversation-42', () => send(`${server.origin}/v1/models`))
  }
  await new Promise(setImmediate)
  process.off('warning', listen)
  expect(warnings).toEqual([
    'llm-affinity: a fault of its own kept a call from being stamped. The call was sent without a key',
  ])
})
