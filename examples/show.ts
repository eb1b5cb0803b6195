import type { RecordedRequest, Recorder } from 'llm-affinity-testkit'

/** Prints what the gateway was sent, one line a call: what was said last in the prompt, and the key that came with it. */
export function show(gateway: Recorder): void {
  const calls = gateway.requests.map((request) => ({ label: label(request), key: request.header('x-session-id') }))
  const width = Math.max(...calls.map((call) => call.label.length))
  console.log('The gateway received:')
  for (const { label, key } of calls) {
    console.log(`  ${label.padEnd(width)}   ${key === undefined ? '(none)' : `x-session-id: ${key}`}`)
  }
}

function label(request: RecordedRequest): string {
  const { messages, input } = request.json() as { messages?: unknown[]; input?: unknown }
  return textOf(messages?.at(-1) ?? input)
}

// The last text in a message, whichever API's it is.
function textOf(message: unknown): string {
  if (typeof message === 'string') return message
  if (Array.isArray(message)) return textOf(message.at(-1))
  const { type, role, content, text } = Object(message) as Record<string, unknown>
  return role === 'tool' || type === 'tool_result' ? '[tool result]' : textOf(text ?? content ?? '')
}
