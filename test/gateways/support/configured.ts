import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { folderOf } from './folder.ts'
import { configOf, filled } from './page.ts'
import { answers, freePort, type Process, startProcess } from './process.ts'
import type { Backends, Running, StartOptions } from './program.ts'

/** The config of a program: a block of its page in docs/gateways, by its language, or a text where it has no page. */
type Config = { readonly page: string; readonly language: string } | { readonly config: string }

/** How a program is run that is configured by one file. */
export type Configured = Config & {
  readonly binary: string
  /** What that file is called, in the folder that the program is started in. */
  readonly file: string
  /** Other files that it needs there, by name. */
  readonly beside?: Readonly<Record<string, string>>
  args(folder: string, port: number): readonly string[]
  env?(folder: string): Readonly<Record<string, string>>
  /** Is it ready, having written this so far. @default it answers at all */
  ready?(origin: string, said: string): Promise<boolean>
  /** Milliseconds until it is ready. @default that of `startProcess` */
  readonly patience?: number
  /** Has the new config read; resolves when it is what answers. */
  reload?(running: Process, folder: string): Promise<void>
}

/** Starts it in a folder of its own, on a free port, with the config of its page. Both go when it is stopped. */
export async function startConfigured(
  configured: Configured,
  backends: Backends,
  options: StartOptions = {},
): Promise<Running> {
  const { binary, file, beside, args, env, ready, patience, reload } = configured
  const port = await freePort()
  const configFor = async (own: StartOptions): Promise<string> =>
    'config' in configured
      ? filled(configured.config, port, backends, own)
      : await configOf(configured.page, configured.language, port, backends, own)
  const origin = `http://127.0.0.1:${port}`
  const folder = await folderOf({ ...beside, [file]: await configFor(options) })
  try {
    const child = await startProcess(binary, args(folder.path, port), {
      cwd: folder.path,
      ready: ready === undefined ? answers(origin) : (said) => ready(origin, said),
      ...(env !== undefined && { env: env(folder.path) }),
      ...(patience !== undefined && { patience }),
    })
    const stop = async (): Promise<void> => {
      await child.stop()
      await folder.remove()
    }
    return {
      origin,
      said: child.said,
      stop,
      [Symbol.asyncDispose]: stop,
      ...(reload !== undefined && {
        reload: async (again: StartOptions = options) => {
          await writeFile(join(folder.path, file), await configFor(again))
          await reload(child, folder.path)
        },
      }),
    }
  } catch (error) {
    await folder.remove()
    throw error
  }
}
