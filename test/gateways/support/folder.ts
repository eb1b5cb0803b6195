import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guard } from './guard.ts'

/** A temporary folder with these files in it, by name. */
export async function folderOf(files: Readonly<Record<string, string>>): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'llm-affinity-'))
  const isGone = guard(`folder ${path}`)
  // What runs as root often has workers that do not, and that must reach their files too.
  await chmod(path, 0o755)
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return {
    path,
    remove: async () => {
      await rm(path, { recursive: true, force: true, maxRetries: 3 })
      isGone()
    },
  }
}

export interface Folder {
  readonly path: string
  remove(): Promise<void>
}
