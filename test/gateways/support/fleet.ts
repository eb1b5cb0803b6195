import { type Replica, startReplica } from 'llm-affinity-testkit'
import type { Program, Running, StartOptions } from './program.ts'

/** A program that runs before three replicas. */
export interface Fleet extends AsyncDisposable {
  /** The gateway's. */
  readonly origin: string
  readonly gateway: Running
  readonly replicas: readonly [Replica, Replica, Replica]
  /** The one of this name. */
  replica(name: string): Replica
}

/** Starts three replicas, called A, B and C, and the program before them. */
export async function startFleet(program: Program, options?: StartOptions): Promise<Fleet> {
  // Answers take their time, as a model's do: Caddy 2.6 breaks a stream off that begins before it has read the request to
  // its end.
  const pace = { prefillMsPerToken: 0.5, outputTokens: 4 }
  const start = (name: string): Promise<Replica> => startReplica({ name, cacheTokens: 100_000, ...pace })
  const replicas = await Promise.all([start('A'), start('B'), start('C')])
  const close = async (gateway?: Running): Promise<void> => {
    await gateway?.stop()
    await Promise.all(replicas.map((replica) => replica.close()))
  }
  try {
    const gateway = await program.start(replicas, options)
    return {
      origin: gateway.origin,
      gateway,
      replicas,
      replica: (name) => {
        const found = replicas.find((each) => each.name === name)
        if (found === undefined) throw new Error(`no replica ${name}`)
        return found
      },
      [Symbol.asyncDispose]: () => close(gateway),
    }
  } catch (error) {
    await close()
    throw error
  }
}
