// Serves chats with one framework, is its own client, and ends. The calls reach the recorder of the test.

import { allDone, play } from './app.mjs'
import { frameworks } from './frameworks.mjs'

const [framework, package_, name] = process.argv.slice(2)
const origin = await frameworks[framework](package_, name)
await play(origin)
await allDone()
process.exit()
