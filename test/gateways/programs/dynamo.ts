import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { wordsOf } from '../support/commandline.ts'
import { folderOf } from '../support/folder.ts'
import { blockOf } from '../support/page.ts'
import { freePort, type Process, startProcess } from '../support/process.ts'
import type { Program } from '../support/program.ts'
import { pinsIn } from './pins.ts'
import { pypi } from './pypi.ts'

const packages = pinsIn('dynamo/pins.txt')
const { find, install } = pypi({ folder: 'dynamo', binary: 'python', packages })
const worker = readFileSync(new URL('dynamo/worker.py', import.meta.url), 'utf8')

// It imports for ten seconds where nothing else runs.
const PATIENCE = 120_000

// Else its processes listen to each other on all interfaces. What publishes the frontend's events always does.
const loopback = Object.fromEntries(
  ['TCP_RPC', 'TCP_RESPONSE_STREAM', 'EVENT_PLANE'].map((plane) => [`DYN_${plane}_HOST`, '127.0.0.1']),
)

/** Its frontend, with the command of its page, before workers that hand on to a backend each. */
export const dynamo: Program = {
  name: 'dynamo',
  gateway: 'dynamo',
  title: 'NVIDIA Dynamo',
  version: packages['ai-dynamo'] ?? '',
  onlyOnDemand: '670 MB',
  speaks: ['openai', 'anthropic'],
  find,
  install,
  start: async (backends, { edit = (command: string) => command } = {}) => {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const shown = wordsOf(edit(await blockOf('dynamo', 'sh'))).map((word) => word.replace('4000', String(port)))
    const folder = await folderOf({ 'worker.py': worker })
    const python = find() ?? ''
    const how = {
      cwd: folder.path,
      env: { ...loopback, HOME: folder.path, DYN_DISCOVERY_BACKEND: 'file', DYN_FILE_KV: join(folder.path, 'found') },
      patience: PATIENCE,
    }
    const started: Process[] = []
    const stop = async (): Promise<void> => {
      await Promise.all(started.splice(0).map((each) => each.stop()))
      await folder.remove()
    }
    try {
      await Promise.all(
        backends.map(async ({ origin: engine }) => {
          const ready = async (said: string) => said.includes('Registered endpoint')
          started.push(await startProcess(python, ['worker.py', engine, 'test-model'], { ...how, ready }))
        }),
      )
      const knowsAll = async (): Promise<boolean> => {
        const response = await fetch(`${origin}/health`, { signal: AbortSignal.timeout(2000) })
        const { instances } = (await response.json()) as { readonly instances: readonly unknown[] }
        const models = await fetch(`${origin}/v1/models`, { signal: AbortSignal.timeout(2000) })
        return instances.length === backends.length && (await models.text()).includes('test-model')
      }
      started.push(await startProcess(python, shown.slice(1), { ...how, ready: knowsAll }))
    } catch (error) {
      await stop()
      throw error
    }
    return { origin, said: () => started.map((each) => each.said()).join('\n'), stop, [Symbol.asyncDispose]: stop }
  },
}
