// A chat app to look at: which replica serves which conversation, with affinity and without it.
// npm run chat-app -- --help
import { once } from 'node:events'
import { type Settings, settings } from './cli.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { startServer } from './server.ts'

const wanted = settings(process.argv.slice(2))
// It is set up before anything is started, so that no moment is left in which Ctrl+C would leave a gateway behind.
const stopped = Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)))

try {
  await using fleet = wanted.gateway === undefined ? await startFleet() : ownGateway(wanted.gateway, wanted)
  console.log(fleet.about)
  await using app = await startServer({ fleet, model: wanted.model, port: wanted.port })
  console.log(`Open ${app.origin} (Ctrl+C stops it)`)
  await stopped
} catch (error) {
  // Such as a port that is taken.
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

function ownGateway(baseURL: string, { backendHeader }: Settings): Fleet {
  const about = `The model endpoint is ${baseURL}`
  return { about, baseURL, backendHeader, replicas: [], [Symbol.asyncDispose]: async () => {} }
}
