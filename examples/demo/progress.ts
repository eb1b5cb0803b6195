import ora from 'ora'

/** Counts on stderr: a line that moves in a terminal, a few lines that stay anywhere else. */
export interface Progress {
  step(): void
  done(): void
}

const quarters = 4

export function progress(name: string, total: number, unit = 'calls'): Progress {
  const out = process.stderr
  // A terminal of no known width has 0 columns, and ora would then clear lines for ever.
  const moves = out.isTTY && out.columns > 0
  const text = `${name}: 0 of ${total} ${unit}`
  const spinner = ora({ text, stream: out, discardStdin: false, isEnabled: moves }).start()
  let count = 0
  return {
    step: () => {
      count += 1
      spinner.text = `${name}: ${count} of ${total} ${unit}`
      const isQuarter = Math.floor((count * quarters) / total) > Math.floor(((count - 1) * quarters) / total)
      if (!moves && isQuarter && count < total) out.write(`  ${spinner.text}\n`)
    },
    // Not `succeed`: its mark is coloured even where nothing else is.
    done: () => {
      spinner.stopAndPersist({ symbol: '✔' })
    },
  }
}
