// Measures what a failing backend costs sessions behind real balancers, with and without `repin`, and writes the table in
// docs/state.md.
//
//   node test/failover/main.ts [--json] [--write] [--sessions N] [--only TEXT]

import { Command } from 'commander'
import { progress } from '../../examples/demo/progress.ts'
import { FAULTS } from './backends.ts'
import { failover } from './run.ts'
import { SET_UPS } from './set-ups.ts'
import { asTable, type Row, writeTable } from './table.ts'

const { json, write, sessions, only } = new Command('failover')
  .description('Has sessions talk through real balancers while a backend fails, and compares with and without `repin`.')
  .option('--json', 'print one line of JSON with the figures, and nothing else')
  .option('--write', 'write the table into docs/state.md')
  .option('--sessions <n>', 'sessions in each run', Number, 1000)
  .option('--only <text>', 'only the set-ups whose title contains this text', '')
  .parse()
  .opts<{ json?: true; write?: true; sessions: number; only: string }>()

// By an exit of our own, so that the balancers are ended too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const rows: Row[] = []
for (const setUp of SET_UPS.filter(({ title }) => title.includes(only))) {
  if (setUp.program.find() === undefined) {
    process.stderr.write(`${setUp.program.title} is not installed. Run: npm run gateways:install\n`)
    continue
  }
  for (const fault of FAULTS) {
    // Most of the time is waited where a backend stalls, so all sessions wait at once.
    const size = fault === 'stalls' ? { sessions: sessions / 2, atOnce: sessions / 2 } : { sessions, atOnce: 100 }
    const bar = progress(`${setUp.title}, ${fault}`, 6 * size.sessions)
    const without = await failover(setUp, fault, false, size, bar.step)
    const repin = await failover(setUp, fault, true, size, bar.step)
    bar.done()
    rows.push({ title: setUp.title, fault, without, repin })
  }
}
if (write) writeTable(rows)
console.log(json ? JSON.stringify({ sessions, rows }) : asTable(rows))
