import { type Recorder, startRecorder } from 'llm-affinity-testkit'
import { afterAll, beforeEach } from 'vitest'

/** A recorder for the tests of a file, empty before each. */
export async function recorder(): Promise<Recorder> {
  const started = await startRecorder()
  beforeEach(() => started.clear())
  afterAll(() => started.close())
  return started
}
