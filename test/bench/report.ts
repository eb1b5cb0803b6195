import Table from 'cli-table3'
import type { Imports } from './imports.ts'
import type { Memory } from './memory.ts'
import type { Row } from './pairs.ts'

export interface Results {
  readonly rows: readonly Row[]
  readonly costs: readonly { readonly experiment: string; readonly cost: ReadonlyMap<string, number> }[]
  readonly memory?: Memory | undefined
  readonly imports?: Imports | undefined
  readonly gzipBytes?: number | undefined
}

export function asText({ rows, costs, memory, imports, gzipBytes }: Results): string {
  const parts: string[] = []
  if (rows.length > 0) {
    parts.push(
      'Ratios of CPU time a call, with the interval that holds 95 % of resampled medians. Noise: the same against itself.',
      table(
        ['case', 'ratio', 'low', 'high', 'is'],
        rows.map(({ name, ratio, low, high, means }) => [
          name,
          ratio.toFixed(3),
          low.toFixed(3),
          high.toFixed(3),
          means,
        ]),
      ),
      table(
        ['experiment', 'microseconds of CPU time a call'],
        costs.map(({ experiment, cost }) => [
          experiment,
          [...cost].map(([arm, time]) => `${arm} ${time.toFixed(1)}`).join(', '),
        ]),
      ),
    )
  }
  const figures: [string, string][] = []
  if (memory !== undefined) {
    figures.push(
      ['bytes a live session, with an id of its own making', String(memory.bytesPerSession)],
      ['... with an id that goes on the wire, the id included', String(memory.bytesPerSessionWithId)],
      ['... with an id that is hashed, the id included', String(memory.bytesPerSessionWithUnsafeId)],
      [`heap growth after ${memory.dropped} sessions used and dropped, bytes`, String(memory.heapGrowthBytes)],
    )
  }
  if (imports !== undefined) {
    const { share, oursMs, openaiMs } = imports
    const range = `${percent(share.low)} to ${percent(share.high)}`
    figures.push([
      'import of "." as a share of importing openai',
      `${percent(share.ratio)} (${range}): ${oursMs.toFixed(1)} of ${openaiMs.toFixed(1)} ms of CPU time`,
    ])
  }
  if (gzipBytes !== undefined) figures.push(['"." minified and gzipped, bytes', String(gzipBytes)])
  if (figures.length > 0) parts.push(table(['figure', 'is'], figures))
  return parts.join('\n\n')
}

/** The line that programs read. What was not measured is not in it. */
export function asJson({ rows, memory, imports, gzipBytes }: Results): string {
  return JSON.stringify({
    cases: rows.map(({ name, ratio, low, high }) => ({
      name,
      ratio: short(ratio),
      low: short(low),
      high: short(high),
    })),
    bytesPerSession: memory?.bytesPerSession,
    heapGrowthBytes: memory?.heapGrowthBytes,
    importShare: imports && short(imports.share.ratio),
    gzipBytes,
  })
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({ head: [...head], style: { head: [], border: [], compact: true } })
  made.push(...rows.map((row) => [...row]))
  return made.toString()
}

function short(figure: number): number {
  return Number(figure.toFixed(4))
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
