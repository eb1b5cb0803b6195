import { WriteStream } from 'node:tty'
import ora from 'ora'

/** What is going on, as it is told while it does. */
export interface Progress {
  /** @param share Of all calls of this step, where it has many: 0 to 1. */
  say(text: string, share?: number): void
}

const QUARTERS = 4

/** A line that moves in a terminal; anywhere else a line for each step, and one for each quarter of its calls. */
export async function withProgress<T>(
  stderr: NodeJS.WritableStream,
  fn: (progress: Progress) => Promise<T>,
): Promise<T> {
  // A terminal of no known width has 0 columns, and ora would then clear lines for ever.
  const moves = stderr instanceof WriteStream && stderr.columns > 0 && process.env.TERM !== 'dumb'
  if (!moves) return await fn(inLines(stderr))
  const spinner = ora({ stream: stderr, discardStdin: false, isEnabled: true }).start()
  try {
    return await fn({
      say: (text) => {
        spinner.text = text
      },
    })
  } finally {
    spinner.stop()
  }
}

function inLines(stderr: NodeJS.WritableStream): Progress {
  let told = 0
  return {
    say: (text, share) => {
      const quarter = share === undefined ? 0 : Math.floor(share * QUARTERS)
      if (share !== undefined && quarter <= told) return
      told = quarter
      stderr.write(`  ${text}\n`)
    },
  }
}
