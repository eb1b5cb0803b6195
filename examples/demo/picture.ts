import { styleText } from 'node:util'
import Table from 'cli-table3'
import type { Arm } from './arms.ts'
import type { Call } from './call.ts'
import type { Figures, TraceFigures } from './figures.ts'

/** What became of one arm. */
export interface Played {
  readonly arm: Arm
  readonly calls: readonly Call[]
  readonly replicas: readonly string[]
  readonly figures: Figures | TraceFigures
}

// What wraps is no picture. Where there is no terminal, a page has a hundred.
const width = Math.min(process.stdout.columns || 100, 100)
const cellWidth = 5
const colours = ['cyan', 'yellow', 'magenta', 'green', 'blue', 'red'] as const
const bars = '▁▂▃▄▅▆▇█'

/** A row a conversation, a cell a turn: who served it, and how much of its prompt was cached. Within 100 columns. */
export function picture(arms: readonly Played[], turns: number): string {
  const ids = [...new Set(arms.flatMap(({ calls }) => calls.map(({ conversation }) => conversation)))].sort()
  const label = Math.max(...ids.map((id) => id.length)) + 2
  const column = Math.max(turns * cellWidth, 40)
  const fits = label + arms.length * column <= width
  const blocks = (fits ? [arms] : arms.map((arm) => [arm])).map((beside) => {
    const line = (first: string, of: (arm: Played) => string) =>
      `${first.padEnd(label)}${beside.map(of).join('')}`.trimEnd()
    return [
      line('', ({ arm }) => styleText('bold', arm.name.padEnd(column))),
      ...(fits ? [] : [line('', ({ arm }) => arm.about)]),
      line('turn', () => numbers(turns).padEnd(column)),
      ...ids.map((id) =>
        line(id, ({ calls, replicas }) => row(calls, id, turns, replicas) + ' '.repeat(column - turns * cellWidth)),
      ),
    ].join('\n')
  })
  const abouts = fits ? arms.map(({ arm }) => `${arm.name}: ${arm.about}`) : []
  const legend = [
    'A▇87: replica A served the turn and had 87 % of its prompt in its cache.',
    'All conversations begin with the same system prompt, so that even a first turn may find some.',
  ]
  return [...legend, ...abouts, '', blocks.join('\n\n')].join('\n')
}

function numbers(turns: number): string {
  return Array.from({ length: turns }, (_, index) => String(index + 1).padEnd(cellWidth)).join('')
}

/** Always `turns * cellWidth` wide; `padEnd` would count the colour codes. */
function row(calls: readonly Call[], id: string, turns: number, replicas: readonly string[]): string {
  return Array.from({ length: turns }, (_, index) => {
    const call = calls.find((one) => one.conversation === id && one.kind === 'main' && one.turn === index + 1)
    return call === undefined ? ' '.repeat(cellWidth) : cell(call, replicas)
  }).join('')
}

function cell({ replica, cachedTokens, promptTokens, error }: Call, replicas: readonly string[]): string {
  if (error !== undefined) return styleText('red', 'fail'.padEnd(cellWidth))
  const cached = promptTokens === 0 ? 0 : cachedTokens / promptTokens
  const bar = bars[Math.min(Math.floor(cached * bars.length), bars.length - 1)]
  const percent = String(Math.min(Math.floor(cached * 100), 99)).padStart(2)
  const colour = colours[replicas.indexOf(replica) % colours.length] ?? 'white'
  return styleText(colour, `${replica}${bar}${percent}`) + ' '.repeat(cellWidth - 4)
}

/** All figures, a column an arm. */
export function table(arms: readonly Played[]): string {
  const drawn = new Table({
    head: ['', ...arms.map(({ arm }) => arm.name)],
    colAligns: ['left', ...arms.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  })
  const add = (name: string, of: (arm: Played) => string) => drawn.push([name, ...arms.map(of)])
  const isTrace = arms.every(({ figures }) => 'hitShare' in figures)
  const traced = (of: (figures: TraceFigures) => string) => (arm: Played) => of(arm.figures as TraceFigures)

  add('calls', ({ figures }) => count(figures.calls))
  add('cached share of turns 2 and later', ({ figures }) => percent(figures.cachedShare))
  add('  at most possible', ({ figures }) => percent(figures.possibleShare))
  if (isTrace) {
    add(
      'hit share of all requests',
      traced(({ hitShare }) => percent(hitShare)),
    )
    add(
      'hit share of main requests',
      traced(({ mainHitShare }) => percent(mainHitShare)),
    )
  }
  add('prompt tokens', ({ figures }) => count(figures.promptTokens))
  add('  of these processed', ({ figures }) => count(figures.processedTokens))
  add('time to first token, median', ({ figures }) => ms(figures.ttftMs.median))
  add('  mean', ({ figures }) => ms(figures.ttftMs.mean))
  add('  90th percentile', ({ figures }) => ms(figures.ttftMs.p90))
  add('replicas per conversation, mean', ({ figures }) => String(figures.replicasPerConversation.mean))
  add('  most', ({ figures }) => String(figures.replicasPerConversation.max))
  add(isTrace ? 'side calls by replica' : 'title calls by replica', sideCalls)
  if (isTrace)
    add(
      'busiest replica, over the mean',
      traced(({ loadMaxOverMean }) => loadMaxOverMean.toFixed(2)),
    )
  add('errors', ({ figures }) => count(figures.errors))
  return drawn.toString()
}

/** By name where that fits. */
function sideCalls({ calls, replicas }: Played): string {
  const side = calls.filter(({ kind }) => kind === 'side')
  const counts = replicas.map((name) => side.filter(({ replica }) => replica === name).length)
  if (replicas.length > 4) return `${Math.min(...counts)} to ${Math.max(...counts)}`
  return replicas.map((name, index) => `${name} ${counts[index]}`).join('  ')
}

/** The result in two plain sentences. */
export function reading(bare: Figures, pinned: Figures): string {
  const saved = bare.processedTokens - pinned.processedTokens
  const work = `${percent(Math.abs(saved) / Math.max(bare.processedTokens, 1))} ${saved >= 0 ? 'less' : 'more'}`
  const first = `With affinity the replicas processed ${count(pinned.processedTokens)} prompt tokens instead of ${count(bare.processedTokens)}: ${work}.`
  return `${first}\n${'hitShare' in pinned ? load(bare as TraceFigures, pinned as TraceFigures) : waiting(bare, pinned)}`
}

function waiting(bare: Figures, pinned: Figures): string {
  const ratio = bare.ttftMs.median / Math.max(pinned.ttftMs.median, 0.1)
  const change = ratio >= 1 ? `${ratio.toFixed(1)} times sooner` : `${(1 / ratio).toFixed(1)} times later`
  return `The first token came after ${ms(pinned.ttftMs.median)} instead of ${ms(bare.ttftMs.median)} in the median: ${change}.`
}

/** A replay has no prefill time, so its first tokens say nothing; what affinity costs is evenness. */
function load(bare: TraceFigures, pinned: TraceFigures): string {
  const busiest = ({ processedTokens, loadMaxOverMean }: TraceFigures) => processedTokens * loadMaxOverMean
  const ratio = percent(busiest(pinned) / Math.max(busiest(bare), 1))
  return `Its busiest replica bore ${pinned.loadMaxOverMean.toFixed(2)} times the mean: ${ratio} of what round robin's busiest bore.`
}

const grouped = new Intl.NumberFormat('en-US')
const count = (value: number): string => grouped.format(value)
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
const ms = (value: number): string => `${Math.round(value)} ms`
