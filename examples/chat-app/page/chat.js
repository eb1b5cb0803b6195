import { byId, element, hue } from './dom.js'
import { state } from './state.js'

/** The id of the conversation that is shown; null for one that has yet to be created, undefined before any is. */
let selected

/** Shows this conversation, or with null a new one. */
export function select(id) {
  selected = id
  drawList()
  drawChat()
}

/** The id of the conversation that is shown, or undefined where it has yet to be created. */
export function shown() {
  return state.conversations.has(selected) ? selected : undefined
}

/** Draws the list of conversations, the newest first. Its buttons are kept, so that the focus is. */
export function drawList() {
  if (selected === undefined) selected = [...state.conversations.keys()].at(-1)
  const list = byId('list')
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]))
  const items = [...state.conversations.values()].toReversed().map((conversation) => {
    const item = known.get(conversation.id) ?? newItem(conversation)
    known.delete(conversation.id)
    const { topic, title, busy } = conversation
    item.querySelector('strong').textContent = topic || 'New conversation'
    item.querySelector('small').textContent = title
    item.classList.toggle('busy', busy)
    item.firstElementChild.ariaCurrent = String(conversation.id === selected)
    return item
  })
  for (const gone of known.values()) gone.remove()
  items.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null)
  })
}

function newItem(conversation) {
  const badge = element('span', { className: `badge ${hue(conversation)}` }, conversation.number)
  const words = element('span', {}, element('strong'), element('small'))
  const button = element('button', { type: 'button', onclick: () => select(conversation.id) }, badge, words)
  return element('li', { data: { id: conversation.id } }, button)
}

/** Draws the messages of the conversation that is shown. */
export function drawChat() {
  const conversation = state.conversations.get(selected)
  byId('chat-title').textContent =
    conversation === undefined ? 'New conversation' : `Conversation ${conversation.number}`
  byId('send').disabled = conversation?.busy ?? false
  const log = byId('log')
  const drawn = (conversation?.messages ?? []).map(({ role, text }) => element('li', { className: role }, text))
  byId('messages').replaceChildren(...drawn)
  log.scrollTop = log.scrollHeight
}
