#!/usr/bin/env node
// Nothing that needs a recent Node may be imported here: it would fail before the version is checked.

/** The same as in `engines` of the package. */
const [MAJOR, MINOR] = [22, 12] as const

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < MAJOR || (major === MAJOR && minor < MINOR)) {
  const error = `The doctor needs Node ${MAJOR}.${MINOR} or later, and this is Node ${process.versions.node}.`
  const next = ['Install a later Node: https://nodejs.org.']
  process.stderr.write(`${[error, ...next].join(' ')}\n`)
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ verdict: null, exitCode: 3, error, next })}\n`)
  }
  process.exitCode = 3
} else {
  try {
    const { run } = await import('./run.js')
    process.exitCode = await run(process.argv.slice(2), process.env, process)
  } catch (error) {
    // An unexpected error is the doctor's own, and no evidence about the gateway.
    process.stderr.write(`The doctor failed: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 3
  }
}

export {}
