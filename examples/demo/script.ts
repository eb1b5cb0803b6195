import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import type { Request } from './call.ts'

/** What one conversation will say and when, whatever is answered: the same for both arms. */
export interface Script {
  readonly id: string
  /** Milliseconds until its first turn. */
  readonly startsAfter: number
  readonly turns: readonly { readonly says: string; readonly thinksFor: number }[]
}

const vocabulary =
  `the a to of and in is that it for on with as at by from this be are was or an if we not can must file test
  line value error result session request header server client cache token prompt model agent tool call read write return
  function module index table query parse build check deploy branch merge commit review issue change version release
  before after between without every other first second last next same different small large open closed new old`
    .trim()
    .split(/\s+/)

type Random = ReturnType<typeof xoroshiro128plus>

function prose(random: Random, words: number): string {
  return Array.from({ length: words }, () => vocabulary[uniformInt(random, 0, vocabulary.length - 1)]).join(' ')
}

/**
 * The head of every prompt: system prompt and tools, about 2,000 tokens. All conversations share it, as those of one
 * agent do in reality. It gives round robin some hits, too: every replica soon knows it.
 */
export function head(seed: number): Pick<Request, 'model' | 'messages' | 'tools'> {
  const random = xoroshiro128plus(seed)
  return {
    model: 'agent-model',
    messages: [{ role: 'system', content: `You are a careful coding agent. ${prose(random, 1_200)}` }],
    tools: ['read_file', 'write_file', 'run_tests', 'search'].map((name) => ({
      type: 'function' as const,
      function: { name, description: prose(random, 200), parameters: { type: 'object', properties: {} } },
    })),
  }
}

/** A title's prompt: an instruction of its own, and what the conversation began with. */
export function titleRequest(task: string): Request {
  const content = 'Write a title of at most five words for a conversation that begins like this'
  return {
    model: 'agent-model',
    messages: [
      { role: 'system', content },
      { role: 'user', content: task },
    ],
  }
}

/**
 * A task of some 100 words, then a tool result of 300 to 800 for each turn, with about a second of work between two
 * turns, divided by `speed`.
 */
export function scripts(seed: number, conversations: number, turns: number, speed: number): Script[] {
  return Array.from({ length: conversations }, (_, index) => {
    const random = xoroshiro128plus(seed * 1_000 + index + 1)
    return {
      id: `conversation-${String(index + 1).padStart(2, '0')}`,
      startsAfter: uniformInt(random, 0, 2_000) / speed,
      turns: Array.from({ length: turns }, (_, turn) => ({
        says: prose(random, turn === 0 ? uniformInt(random, 60, 140) : uniformInt(random, 300, 800)),
        thinksFor: uniformInt(random, 300, 1_500) / speed,
      })),
    }
  })
}
