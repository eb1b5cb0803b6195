import { WriteStream } from 'node:tty'
import ora from 'ora'

/** Reports the progress of a run. */
export interface Progress {
  /**
   * Called at the beginning of each step, and after each call of a step with many.
   *
   * @param share The share of the calls of this step that is done, from 0 to 1. Absent for a step with few.
   */
  report(text: string, share?: number): void
}

const QUARTERS = 4

/** A spinner in a terminal. Elsewhere one line for each step, and one for each quarter of its calls. */
export async function withProgress<T>(
  stderr: NodeJS.WritableStream,
  fn: (progress: Progress) => Promise<T>,
): Promise<T> {
  // A terminal of unknown width has 0 columns, and ora would then clear lines for ever.
  const isTerminal = stderr instanceof WriteStream && stderr.columns > 0 && process.env.TERM !== 'dumb'
  if (!isTerminal) return await fn(inLines(stderr))
  const spinner = ora({ stream: stderr, discardStdin: false, isEnabled: true }).start()
  try {
    return await fn({
      report: (text) => {
        spinner.text = text
      },
    })
  } finally {
    spinner.stop()
  }
}

function inLines(stderr: NodeJS.WritableStream): Progress {
  let lastQuarter = 0
  return {
    report: (text, share) => {
      const quarter = share === undefined ? 0 : Math.floor(share * QUARTERS)
      if (share !== undefined && quarter <= lastQuarter) return
      lastQuarter = quarter
      stderr.write(`  ${text}\n`)
    },
  }
}
