// SDKs and frameworks in many versions, in projects outside of the workspace: does each request carry the key of its own
// conversation?
//
//   node test/ecosystem/main.ts [--only REGEXP] [--quick] [--json] [--write]

import { Command } from 'commander'
import pLimit from 'p-limit'
import { progress } from '../../examples/demo/progress.ts'
import { startGateway } from './gateway.ts'
import { type Project, projects, type Row } from './packages.ts'
import { asTable, failures, summaryOf, writePage } from './report.ts'
import { type Cell, install, installOurs, runRow } from './run.ts'

interface Options {
  readonly only?: RegExp
  readonly quick?: true
  readonly json?: true
  readonly write?: true
}

const { only, quick, json, write } = new Command('ecosystem')
  .description('SDKs and frameworks in many versions: does each request carry the key of its own conversation?')
  .option('--only <regexp>', 'only the packages whose name and version match', (text) => new RegExp(text))
  .option('--quick', 'only the rows that npm test runs')
  .option('--write', 'write the table of docs/frameworks.md')
  .option('--json', 'end with one line for programs')
  .parse()
  .opts<Options>()

const isWanted = (row: Row): boolean =>
  (only?.test(`${row.name} ${row.version} ${row.adapter}`) ?? true) && (quick === undefined || row.isQuick === true)
const wanted = projects.filter(({ rows }) => rows.some(isWanted))

const installing = progress('Installing', wanted.length, 'projects')
const limit = pLimit(3)
const here: Project[] = []
await Promise.all(
  wanted.map((project) =>
    limit(async () => {
      const why = await install(project)
      if (why === undefined) here.push(project)
      else console.error(`${project.name} cannot be installed: ${why}`)
      installing.step()
    }),
  ),
)
installing.done()
installOurs(here)

const gateway = await startGateway()
const rows = projects
  .filter((project) => here.includes(project))
  .flatMap((project) => project.rows.filter(isWanted).map((row) => ({ project, row })))
const running = progress('Running', rows.length, 'packages')
const two = pLimit(2)
const cells: Cell[] = (
  await Promise.all(
    rows.map(({ project, row }) =>
      two(async () => {
        const own = await runRow(project, row, gateway)
        running.step()
        return own
      }),
    ),
  )
).flat()
running.done()
await gateway.close()

console.log(asTable(cells))
console.log(failures(cells))
if (write) writePage(cells)
if (json) console.log(JSON.stringify(summaryOf(cells)))
process.exitCode = here.length === wanted.length && cells.every(({ passed }) => passed) ? 0 : 1
