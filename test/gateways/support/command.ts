import { execFile } from 'node:child_process'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a command to its end, and gives what it wrote to its output. Rejects with the end of all that it wrote where it fails. */
export function command(binary: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { cwd, env } = options
  return new Promise((resolve, reject) => {
    execFile(
      binary,
      args,
      { env: { ...process.env, ...env }, maxBuffer: 2 ** 26, ...(cwd !== undefined && { cwd }) },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(lastLines(stderr) || lastLines(stdout) || error.message))
      },
    )
  })
}

// Installers write pages; what went wrong stands at their end.
function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('\n')
}
