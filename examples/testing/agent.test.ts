// What a suite of yours can hold your agent to, with llm-affinity-testkit and vitest.
import { fail, startRecorder, watchOutgoing } from 'llm-affinity-testkit'
import 'llm-affinity-testkit/vitest'
import { expect, test } from 'vitest'
import { Agent } from './agent.ts'

test('each conversation has one key, titles have none, and nothing goes elsewhere', async () => {
  await using gateway = await startRecorder()
  using outgoing = watchOutgoing()
  const agent = new Agent(gateway.baseURL)

  await Promise.all([
    agent.converse('conversation-a', ['apples one', 'apples two', 'apples three']),
    agent.converse('conversation-b', ['bananas one', 'bananas two', 'bananas three']),
  ])

  const isTitle = (text: string): boolean => text.includes('A title for')
  const titles = gateway.requests.filter((request) => isTitle(request.text()))
  const about = (fruit: string) =>
    gateway.requests.filter((request) => request.text().includes(fruit) && !isTitle(request.text()))

  expect(about('apples')).toCarryOneKey('conversation-a')
  expect([about('apples'), about('bananas')]).toCarryDifferentKeys()
  expect(titles).toHaveLength(2)
  expect(titles).toCarryNoKey()
  expect(outgoing).toCarryKeysOnlyTo(gateway.origin)
})

test('a retry carries the key too', async () => {
  await using gateway = await startRecorder()
  gateway.script(fail(500))
  await new Agent(gateway.baseURL).converse('conversation-a', ['apples one'])
  const turns = gateway.requests.filter((request) => !request.text().includes('A title for'))
  expect(turns).toHaveLength(2)
  expect(turns).toCarryOneKey('conversation-a')
})
