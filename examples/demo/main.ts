// Plays the same calls twice, by a bare OpenAI client and by a wrapped one, and shows where they went.
// node examples/demo/main.ts --help

import { affinity, type FleetOptions, roundRobin, startFleet } from './arms.ts'
import { type Settings, settings, UsageError } from './cli.ts'
import { playConversations } from './conversations.ts'
import { figures, traceFigures } from './figures.ts'
import { type Played, picture, reading, table } from './picture.ts'
import { progress } from './progress.ts'
import { replay } from './replay.ts'
import { scripts } from './script.ts'
import { readTrace, schedule } from './trace.ts'

const arms = [roundRobin, affinity]

/** As slow as a large model on one card: 4,000 uncached tokens take a second. */
function engine(speed: number) {
  const pace = { prefillMsPerToken: 0.25 / speed, decodeMsPerToken: 4 / speed }
  return { ...pace, outputTokens: 24, blockTokens: 64, tokensPerWord: 1 }
}

async function conversations(wanted: Settings): Promise<Played[]> {
  const played: Played[] = []
  for (const arm of arms) {
    const { seed, speed } = wanted
    await using fleet = await startFleet(arm, { ...wanted, ...engine(speed) })
    const bar = progress(arm.name, wanted.conversations * (wanted.turns + 1))
    const plan = scripts(seed, wanted.conversations, wanted.turns, speed)
    const calls = await playConversations(arm, fleet.client, plan, seed, bar.step)
    bar.done()
    played.push({ arm, calls, replicas: fleet.replicas, figures: figures(arm.name, calls) })
  }
  return played
}

async function trace(file: string, wanted: Settings): Promise<Played[]> {
  const sessions = await readTrace(file, wanted.sessions)
  const items = schedule(sessions, wanted.seed)
  const blockTokens = sessions[0]?.blockTokens ?? 1
  const instant = { prefillMsPerToken: 0, decodeMsPerToken: 0, outputTokens: 1 }
  const options: FleetOptions = { ...wanted, ...instant, blockTokens, tokensPerWord: blockTokens }
  const played: Played[] = []
  for (const arm of arms) {
    await using fleet = await startFleet(arm, options)
    const bar = progress(arm.name, items.length)
    const calls = await replay(arm, fleet.client, items, bar.step)
    bar.done()
    played.push({ arm, calls, replicas: fleet.replicas, figures: traceFigures(arm.name, calls, fleet.processed()) })
  }
  return played
}

function show(played: readonly Played[], { json, trace: file, turns }: Settings): void {
  const [bare, pinned] = played.map((one) => one.figures)
  if (json || !bare || !pinned) {
    console.log(JSON.stringify({ arms: played.map((one) => one.figures) }))
    return
  }
  const abouts = [
    ...played.map(({ arm }) => `${arm.name}: ${arm.about}`),
    'A replay has no pauses and no prefill time: its times to first token are those of HTTP alone',
  ].join('\n')
  console.log(
    `\n${file === undefined ? picture(played, turns) : abouts}\n\n${table(played)}\n\n${reading(bare, pinned)}`,
  )
}

try {
  const wanted = settings(process.argv.slice(2))
  if (wanted) show(await (wanted.trace === undefined ? conversations(wanted) : trace(wanted.trace, wanted)), wanted)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
