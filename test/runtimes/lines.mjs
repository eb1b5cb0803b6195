import process from 'node:process'
import { createInterface } from 'node:readline'

/** One case a line of standard input, one answer a line of standard output, until the input ends. */
export async function answerLines(cases) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { name, args } = JSON.parse(line)
    let answer
    try {
      answer = { result: (await cases[name](args)) ?? null }
    } catch (error) {
      answer = { error: String(error?.stack ?? error) }
    }
    console.log(JSON.stringify(answer))
  }
}
