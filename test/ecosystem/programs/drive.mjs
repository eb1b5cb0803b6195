// Runs one package in all ways that it has, in a project of its own. Prints a line of JSON for each cell.
// Arguments: the adapter's file and name, how the package is imported, and the title of the cells.

import { setTimeout as delay } from 'node:timers/promises'
import { runWithoutSession, runWithSession } from 'llm-affinity'

const [file, kind, from, title] = process.argv.slice(2)
const origin = process.env.GATEWAY
const { adapters } = await import(file)
const adapter = await adapters[kind]({ origin, baseURL: `${origin}/v1`, from, load: (name = from) => import(name) })

/** 50 conversations at the same time, of two turns each, with a side call between. */
async function interleaved(cell) {
  await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      runWithSession(`conversation-${i}`, async () => {
        await delay(i % 7)
        await adapter.plain(`[${cell}] turn of conversation-${i}`)
        await delay(i % 3)
        await (adapter.stream ?? adapter.plain)(`[${cell}] turn of conversation-${i}`)
      }),
    ),
  )
  return 100
}

/** Side calls, of 50 conversations at the same time, and turns after them. */
async function sideCalls(cell) {
  await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      runWithSession(`conversation-${i}`, async () => {
        const title = runWithoutSession(() => adapter.plain(`[${cell}] side call of conversation-${i}`))
        await adapter.plain(`[${cell}] turn of conversation-${i}`)
        await title
      }),
    ),
  )
  return 50
}

const way = (call, times) => async (cell) => {
  for (let i = 0; i < 3; i++) {
    await runWithSession(`conversation-${i}`, () => call(`[${cell}] turn of conversation-${i}`))
  }
  return 3 * times
}

const ways = {
  plain: way(adapter.plain, 1),
  ...(adapter.stream && { stream: way(adapter.stream, 1) }),
  ...(adapter.tools && { tools: way(adapter.tools, 2) }),
  ...(adapter.retries !== false && { retry: way(adapter.plain, 2) }),
  interleaved,
  'side calls': sideCalls,
}

for (const [name, run] of Object.entries(ways)) {
  const cell = `${title} | ${name}`
  try {
    console.log(JSON.stringify({ way: name, turns: await run(cell) }))
  } catch (error) {
    console.log(
      JSON.stringify({
        way: name,
        error: String(error?.message ?? error)
          .split('\n')[0]
          .slice(0, 200),
      }),
    )
  }
}
await adapter.close?.()
process.exit()
