import { folderOf } from '../support/folder.ts'
import { configOf } from '../support/page.ts'
import { answers, freePort, startProcess } from '../support/process.ts'
import type { Program } from '../support/program.ts'
import { pinsIn } from './pins.ts'
import { pypi } from './pypi.ts'

const packages = pinsIn('litellm.txt')
const pinned = pypi({ folder: 'litellm', binary: 'litellm', packages })
// Beside its own version, what it needs more, or newer. Of its two companions it takes older ones as well.
const newer = pypi({
  folder: 'litellm-newer',
  binary: 'litellm',
  packages: {
    ...packages,
    litellm: '1.110.2',
    'backports.zstd': '1.8.0',
    h2: '4.4.1',
    hpack: '4.2.0',
    hyperframe: '6.1.0',
    mcp: '2.3.0',
    'mcp-types': '2.3.0',
    semver: '3.1.2',
    tomlkit: '0.15.2',
  },
})

export const litellm: Program = {
  name: 'litellm',
  gateway: 'litellm',
  title: 'LiteLLM',
  version: packages.litellm ?? '',
  speaks: ['openai', 'anthropic'],
  find: pinned.find,
  install: pinned.install,
  start: startOf(pinned.find),
}

/** A later one, which refuses to start without a master key, and also pins by `x-session-id`. */
export const litellmNewer: Program = {
  ...litellm,
  name: 'litellm-newer',
  version: '1.110.2',
  onlyOnDemand: '740 MB',
  find: newer.find,
  install: newer.install,
  start: startOf(newer.find),
}

function startOf(find: Program['find']): Program['start'] {
  return async (backends, options) => {
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
  }
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
