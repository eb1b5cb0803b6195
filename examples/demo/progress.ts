import ora from 'ora'

/** Counts calls on stderr: a line that moves in a terminal, a few lines that stay anywhere else. */
export interface Progress {
  step(): void
  done(): void
}

const quarters = 4

export function progress(name: string, total: number): Progress {
  const out = process.stderr
  const spinner = ora({ text: `${name}: 0 of ${total} calls`, stream: out, discardStdin: false }).start()
  let count = 0
  return {
    step: () => {
      count += 1
      spinner.text = `${name}: ${count} of ${total} calls`
      const isQuarter = Math.floor((count * quarters) / total) > Math.floor(((count - 1) * quarters) / total)
      if (!out.isTTY && isQuarter && count < total) out.write(`  ${spinner.text}\n`)
    },
    // Not `succeed`: its mark is coloured even where nothing else is.
    done: () => {
      spinner.stopAndPersist({ symbol: '✔' })
    },
  }
}
