// What stamping costs, against what one would write instead.
//
//   node --expose-gc test/bench/main.ts [--quick] [--json] [--only NAME]

import { Command, Option } from 'commander'
import { experiments } from './experiments.ts'
import { imports } from './imports.ts'
import { memory } from './memory.ts'
import { type Effort, measure } from './pairs.ts'
import { asJson, asText, type Results } from './report.ts'
import { gzipBytes } from './size.ts'

interface Options {
  readonly json?: true
  readonly quick?: true
  readonly only?: string
}

const OTHERS = ['memory', 'imports', 'size']

const options = new Command('bench')
  .description('What stamping costs, against what one would write instead. Needs --expose-gc and built packages.')
  .option('--json', 'end with one line for programs')
  .option('--quick', 'a look that takes seconds; its figures are rough')
  .addOption(new Option('--only <name>', 'one part alone').choices([...Object.keys(experiments), ...OTHERS]))
  .parse()
  .opts<Options>()

const quick = options.quick === true
// Rounds are short, so that there are many: a disturbance spoils some, and the median does not see them. They mostly end
// before the young heap is full. Rounds of 120 ms, with collections in them, gave the same ratios in wider intervals.
const effort: Effort = quick ? { rounds: 24, roundMs: 4, warmUpMs: 300 } : { rounds: 500, roundMs: 5, warmUpMs: 2000 }

if (globalThis.gc === undefined) {
  console.error('Expected node --expose-gc, got a node without it')
  process.exit(1)
}

const results = await all()
console.log(asText(results))
if (options.json) console.log(asJson(results))

async function all(): Promise<Results> {
  // Memory first: on a heap that nothing else has touched.
  const kept = await part('memory', () => memory(quick ? 20_000 : 200_000, quick ? 50_000 : 1_000_000))
  const rows: Results['rows'][number][] = []
  const costs: Results['costs'][number][] = []
  for (const [name, setUp] of Object.entries(experiments)) {
    const measured = await part(name, async () => {
      const experiment = await setUp()
      try {
        return await measure(experiment, effort)
      } finally {
        await experiment.close?.()
      }
    })
    if (measured === undefined) continue
    rows.push(...measured.rows)
    costs.push({ experiment: name, cost: measured.cost })
  }
  return {
    rows,
    costs,
    memory: kept,
    imports: await part('imports', () => imports(quick ? 5 : 25)),
    gzipBytes: await part('size', gzipBytes),
  }
}

async function part<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  if (options.only !== undefined && options.only !== name) return undefined
  process.stderr.write(`${name} ... `)
  const from = performance.now()
  const result = await work()
  process.stderr.write(`${((performance.now() - from) / 1000).toFixed(1)} s\n`)
  return result
}
