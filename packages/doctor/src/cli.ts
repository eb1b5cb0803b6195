#!/usr/bin/env node
import { run } from './run.js'

try {
  process.exitCode = await run(process.argv.slice(2), process.env, process)
} catch (error) {
  // An unexpected error is the doctor's own, and no evidence about the gateway.
  process.stderr.write(`The doctor failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 3
}
