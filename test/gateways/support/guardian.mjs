// The process that guard.ts starts. It hears what to guard, a line each, and clears away what is left at the end of its
// input.

import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

const guarded = new Set()
for await (const line of createInterface({ input: process.stdin })) {
  if (line.startsWith('+')) guarded.add(line.slice(1))
  else guarded.delete(line.slice(1))
}
// What was started last goes first: a program before its folder.
for (const each of [...guarded].reverse()) {
  const [kind, what] = each.split(/ (.*)/)
  try {
    if (kind === 'group') process.kill(-Number(what), 'SIGKILL')
    else rmSync(what, { recursive: true, force: true, maxRetries: 3 })
  } catch {
    // It is gone.
  }
}
