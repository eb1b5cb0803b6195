#!/usr/bin/env node
import { run } from './run.js'

try {
  process.exitCode = await run(process.argv.slice(2), process.env, process)
} catch (error) {
  // What nobody has foreseen is ours, and says nothing of the gateway.
  process.stderr.write(`The doctor itself has failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 3
}
