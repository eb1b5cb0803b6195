import { readFileSync } from 'node:fs'
import { folderOf } from '../support/folder.ts'
import { configOf } from '../support/page.ts'
import { answers, freePort, startProcess } from '../support/process.ts'
import type { Program } from '../support/program.ts'
import { pypi } from './pypi.ts'

const pins = readFileSync(new URL('litellm.txt', import.meta.url), 'utf8')
const packages = Object.fromEntries(
  [...pins.matchAll(/^([^#=\s]+)==(\S+)$/gm)].map(([, name = '', version = '']) => [name, version]),
)
const { find, install } = pypi({ folder: 'litellm', binary: 'litellm', packages })

export const litellm: Program = {
  name: 'litellm',
  title: 'LiteLLM',
  version: packages.litellm ?? '',
  speaks: ['openai', 'anthropic'],
  find,
  install,
  start: async (backends, options) => {
    const port = await freePort()
    const origin = `http://127.0.0.1:${port}`
    const folder = await folderOf({ 'config.yaml': await configOf('litellm', 'yaml', port, backends, options) })
    const listen = ['--host', '127.0.0.1', '--port', String(port)]
    const args = [find() ?? '', '--config', 'config.yaml', ...listen, '--telemetry', 'False']
    try {
      const child = await startProcess('env', [...unset, ...args], {
        cwd: folder.path,
        // Its prices would be fetched.
        env: { HOME: folder.path, LITELLM_LOCAL_MODEL_COST_MAP: 'True', NO_PROXY: '127.0.0.1' },
        ready: answers(`${origin}/health/liveliness`, ({ ok }) => ok),
        // It imports for ten seconds where nothing else runs.
        patience: 240_000,
      })
      const stop = async (): Promise<void> => {
        await child.stop()
        await folder.remove()
      }
      return { origin, said: child.said, stop, [Symbol.asyncDispose]: stop }
    } catch (error) {
      await folder.remove()
      throw error
    }
  },
}

// What another proxy or program of this machine is told. It would take a database that is named there for its own.
const unset = [
  'DATABASE_HOST',
  'DATABASE_URL',
  'DIRECT_URL',
  'LITELLM_MASTER_KEY',
  'PYTHONHOME',
  'PYTHONPATH',
  'REDIS_HOST',
  'REDIS_URL',
].flatMap((name) => ['-u', name])
