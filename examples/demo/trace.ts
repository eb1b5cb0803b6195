import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { PrefixCache } from 'llm-affinity-testkit'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { mode } from 'simple-statistics'
import { z } from 'zod'
import type { Origin } from './call.ts'
import { UsageError } from './cli.ts'

const Session = z.object({
  session: z.string().min(1),
  blockTokens: z.number().int().positive(),
  requests: z.array(
    z.object({
      t: z.number(),
      model: z.string(),
      blocks: z.array(z.tuple([z.number().int(), z.number().int()])),
      agent: z.string().optional(),
    }),
  ),
})

/** One session of a trace: a line of the file. */
export type TraceSession = z.infer<typeof Session>
type TraceRequest = TraceSession['requests'][number]

/** One request of the replay. */
export interface Item {
  readonly origin: Origin
  readonly model: string
  /** On a side path: its name within the session. */
  readonly lane?: string
  prompt(): string
}

/** Reads a trace, gzipped or plain. Throws a UsageError that says which line is wrong. */
export async function readTrace(file: string, sessions = Number.POSITIVE_INFINITY): Promise<TraceSession[]> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`The trace ${file} cannot be read (${error.code})`)
  })
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
  const lines = unpack(file, bytes, isGzip).split('\n').filter(Boolean).slice(0, sessions)
  if (lines.length === 0) throw new UsageError(`The trace ${file} is empty`)
  return lines.map((line, index) => {
    const wrong = (why: string) => new UsageError(`Line ${index + 1} of ${file} is no session of a trace: ${why}`)
    const parsed = Session.safeParse(json(line, wrong))
    if (parsed.success) return parsed.data
    const { path = [], message = '' } = parsed.error.issues[0] ?? {}
    throw wrong([path.join('.'), message].filter(Boolean).join(': '))
  })
}

/** Every session starts at a random moment of these seconds of trace time. */
const startsWithin = 6 * 60 * 60

/**
 * All requests in the order of trace time. An id has the seed in it, so that every seed also draws anew which replica
 * a session is hashed to. `possible` is found by reading all prompts, in this order, into one cache without limits.
 */
export function schedule(sessions: readonly TraceSession[], seed: number): Item[] {
  const random = xoroshiro128plus(seed)
  const timed = sessions.flatMap((session) => {
    const start = uniformInt(random, 0, startsWithin * 1_000) / 1_000
    const main = mainModel(session.requests)
    return session.requests.map((request) => ({ at: start + request.t, session, request, main }))
  })
  timed.sort((a, b) => a.at - b.at)

  const tokensPerWord = sessions[0]?.blockTokens ?? 1
  const ideal = new PrefixCache({ cacheTokens: Number.POSITIVE_INFINITY, tokensPerWord, blockTokens: tokensPerWord })
  const turns = new Map<string, number>()
  return timed.map(({ session, request, main }) => {
    const conversation = `${session.session}-${seed}`
    const kind = request.agent === undefined && request.model === main ? 'main' : 'side'
    const turn = (turns.get(conversation + kind) ?? 0) + 1
    turns.set(conversation + kind, turn)
    const prompt = () => words(session.session, request)
    const possible = ideal.read(prompt(), request.model).cached
    const lane = kind === 'side' && { lane: request.agent ?? request.model }
    return { origin: { conversation, kind, turn, possible }, model: request.model, prompt, ...lane }
  })
}

/** The model of most requests that are not a sub-agent's. */
function mainModel(requests: readonly TraceRequest[]): string | undefined {
  const models = requests.filter(({ agent }) => agent === undefined).map(({ model }) => model)
  return models.length === 0 ? undefined : mostFrequent(models)
}

function mostFrequent(names: readonly string[]): string | undefined {
  const known = [...new Set(names)]
  return known[mode(names.map((name) => known.indexOf(name)))]
}

/** One word a block; ids are local to a session, so its name is a part of the word. */
function words(session: string, { blocks }: TraceRequest): string {
  const found: string[] = []
  for (const [first, last] of blocks) for (let id = first; id <= last; id += 1) found.push(`s${session}b${id}`)
  return found.join(' ')
}

function json(line: string, wrong: (why: string) => Error): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw wrong('it is not JSON')
  }
}

function unpack(file: string, bytes: Buffer, isGzip: boolean): string {
  try {
    return (isGzip ? gunzipSync(bytes) : bytes).toString()
  } catch {
    throw new UsageError(`The trace ${file} cannot be unpacked`)
  }
}
