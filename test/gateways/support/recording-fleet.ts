import type { AffinityOptions } from 'llm-affinity'
import { type Recorder, startRecorder } from 'llm-affinity-testkit'
import type { Program, Running, StartOptions } from './program.ts'
import { type Speaker, speakersTo } from './speakers.ts'

/** A program that runs before three recorders, for gateways whose answers do not say which replica they are from. */
export interface RecordingFleet extends AsyncDisposable {
  readonly gateway: Running
  /** Behind the backends of the page's config, in their order. */
  readonly recorders: readonly [Recorder, Recorder, Recorder]
  /** All ways to speak to the gateway; without options, bare. */
  speakers(affinity?: AffinityOptions): readonly Speaker[]
  /** Where calls with this text in them have arrived: indices of `recorders`. */
  placesOf(text: string): readonly number[]
}

/** What the recorders list, and answer. */
export const MODELS = ['test-model', 'other-model'] as const

/** Starts three recorders, and the program before them. */
export async function startRecordingFleet(program: Program, options?: StartOptions): Promise<RecordingFleet> {
  const start = (): Promise<Recorder> => startRecorder({ models: MODELS })
  const recorders = await Promise.all([start(), start(), start()])
  const [a, b, c] = recorders
  const close = async (gateway?: Running): Promise<void> => {
    await gateway?.stop()
    await Promise.all(recorders.map((recorder) => recorder.close()))
  }
  try {
    const gateway = await program.start(
      [
        { name: 'a', ...at(a) },
        { name: 'b', ...at(b) },
        { name: 'c', ...at(c) },
      ],
      options,
    )
    return {
      gateway,
      recorders,
      speakers: (affinity) =>
        program.speaks.flatMap((api) => speakersTo(gateway.origin + (program.basePath?.[api] ?? ''), [api], affinity)),
      placesOf: (text) =>
        recorders.flatMap(({ requests }, place) =>
          requests.some((each) => each.text().includes(text)) ? [place] : [],
        ),
      [Symbol.asyncDispose]: () => close(gateway),
    }
  } catch (error) {
    await close()
    throw error
  }
}

const at = ({ origin }: Recorder): { readonly origin: string } => ({ origin })
