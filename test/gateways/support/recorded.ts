import { type Recorder, type Step, startRecorder } from 'llm-affinity-testkit'
import type { Backends, Program, StartOptions } from './program.ts'

/** A program that runs before three recorders: for what its backends receive, and how it takes their failures. */
export interface Recorded extends AsyncDisposable {
  /** The gateway's. */
  readonly origin: string
  readonly backends: readonly Recorder[]
  /** How many requests with this text in their body each backend has received, such as the id of a conversation. */
  received(text: string): readonly number[]
  /** Has the one that alone has received this text deal so with what it receives next. */
  script(text: string, ...steps: readonly (Step | readonly Step[])[]): Recorder
}

export async function startRecorded(program: Program, options?: StartOptions): Promise<Recorded> {
  const all = await Promise.all([startRecorder(), startRecorder(), startRecorder()])
  const [a, b, c] = all
  const close = (): Promise<unknown> => Promise.all(all.map((each) => each.close()))
  const backends: Backends = [
    { name: 'A', origin: a.origin },
    { name: 'B', origin: b.origin },
    { name: 'C', origin: c.origin },
  ]
  const received = (text: string): readonly number[] =>
    all.map(({ requests }) => requests.filter((request) => request.text().includes(text)).length)
  try {
    const gateway = await program.start(backends, options)
    return {
      origin: gateway.origin,
      backends: all,
      received,
      script: (text, ...steps) => {
        const [only, ...others] = all.filter((_, at) => received(text)[at] !== 0)
        if (only === undefined || others.length > 0) throw new Error(`${text} is not on one backend: ${received(text)}`)
        only.script(...steps)
        return only
      },
      [Symbol.asyncDispose]: async () => {
        await gateway.stop()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
