import { setTimeout as sleep } from 'node:timers/promises'
import { chatPrompt, PrefixCache } from 'llm-affinity-testkit'
import type OpenAI from 'openai'
import type { Arm } from './arms.ts'
import { type Call, call, type Origin, type Request } from './call.ts'
import { head, type Script, titleRequest } from './script.ts'

/**
 * Plays all conversations at once: each waits for its answers and works between its turns, as agents do. After the
 * first turn each also has its title written, beside the second. `onCall` hears of every call that has ended.
 */
export async function playConversations(
  arm: Arm,
  client: OpenAI,
  scripts: readonly Script[],
  seed: number,
  onCall: (done: Call) => void,
): Promise<Call[]> {
  const calls: Call[] = []
  const ideal = new PrefixCache({ cacheTokens: Number.POSITIVE_INFINITY })

  async function ask(request: Request, of: Omit<Origin, 'possible'>): Promise<Call> {
    const possible = ideal.read(chatPrompt(request), request.model).cached
    const done = await call(client, request, { ...of, possible })
    calls.push(done)
    onCall(done)
    return done
  }

  async function converse({ id, startsAfter, turns }: Script): Promise<void> {
    await sleep(startsAfter)
    const start = head(seed)
    const messages = [...start.messages]
    const sideCalls: Promise<Call>[] = []
    for (const [index, { says, thinksFor }] of turns.entries()) {
      messages.push({ role: 'user', content: says })
      const turn = { conversation: id, kind: 'main', turn: index + 1 } as const
      const { answer } = await ask({ ...start, messages: [...messages] }, turn)
      messages.push({ role: 'assistant', content: answer })
      if (index === 0) {
        const title = { conversation: id, kind: 'side', turn: 1 } as const
        sideCalls.push(arm.sideCall(() => ask(titleRequest(says), title)))
      }
      await sleep(thinksFor)
    }
    await Promise.all(sideCalls)
  }

  await Promise.all(scripts.map((script) => arm.main(script.id, () => converse(script))))
  return calls
}
