// What the server has told, and what can be computed from it. Nothing in this file knows the page.

/** All there is to show. The server's first event fills it, and its others change it. */
export const state = {
  about: '',
  replicas: [],
  affinity: true,
  playing: false,
  /** By id, in the order of their creation. */
  conversations: new Map(),
  calls: [],
}

/** Applies an event of the server. */
export function apply(event) {
  const conversation = state.conversations.get(event.id)
  switch (event.type) {
    case 'state':
      state.about = event.about
      state.replicas = [...event.replicas]
      state.conversations = new Map(event.conversations.map((each) => [each.id, each]))
      state.calls = []
      for (const call of event.calls) add(call)
      turn(event)
      break
    case 'switches':
      turn(event)
      break
    case 'conversation': {
      const { messages = [] } = state.conversations.get(event.conversation.id) ?? {}
      state.conversations.set(event.conversation.id, { ...event.conversation, messages })
      break
    }
    case 'removed':
      state.conversations.delete(event.id)
      state.calls = state.calls.filter((call) => call.conversation !== event.id)
      break
    case 'message':
      conversation?.messages.push(event.message)
      break
    case 'text':
      if (conversation !== undefined) conversation.messages.at(-1).text += event.text
      break
    case 'call':
      add(event.call)
      break
  }
}

function turn({ affinity, playing }) {
  state.affinity = affinity
  state.playing = playing
}

function add(call) {
  state.calls.push(call)
  // Behind a gateway of your own they are known once they have answered.
  if (!state.replicas.includes(call.replica)) state.replicas.push(call.replica)
}

/** The share of the prompt tokens of these calls that was cached, or undefined where there are none. */
export function cachedShare(calls) {
  const prompt = sum(calls.map((call) => call.promptTokens))
  return prompt === 0 ? undefined : sum(calls.map((call) => call.cachedTokens)) / prompt
}

/** The turns after the first, each with the replica of the turn before. */
export function laterTurns(calls) {
  const last = new Map()
  return calls
    .filter((call) => call.kind === 'turn')
    .flatMap((call) => {
      const before = last.get(call.conversation)
      last.set(call.conversation, call.replica)
      return before === undefined ? [] : [{ ...call, before }]
    })
}

/** The one in the middle, or undefined where there is none. */
export function median(numbers) {
  const sorted = numbers.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)]
}

function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0)
}
