// Redis, from Debian's packages. `npm run projects:install` brings it.

import { debian } from '../gateways/programs/debian.ts'
import { freePort, type Process, startProcess } from '../gateways/support/process.ts'

export const redis = debian({
  package: 'redis-server',
  binary: 'usr/bin/redis-server',
  says: '--version',
  version: '7.0.15',
})

/** Starts a server that keeps nothing on disk, on a free port of the loopback interface. */
export async function startRedis(): Promise<Process & { readonly port: number }> {
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const process = await startProcess(redis.find() ?? '', args, {
    env: redis.env,
    ready: async (said) => said.includes('Ready to accept connections'),
  })
  return { ...process, port }
}
