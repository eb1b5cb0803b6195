import { drawChat, drawList, select, shown } from './chat.js'
import { byId } from './dom.js'
import { drawPanel } from './panel.js'
import { apply, state } from './state.js'

const events = new EventSource('api/events')
let isWaiting = false

events.onopen = () => say('')
// By itself it connects again, unless the server has started anew and does not know the cookie.
events.onerror = () => say(events.readyState === EventSource.CLOSED ? 'Reload the page to go on.' : 'Connecting …')
events.onmessage = ({ data }) => {
  apply(JSON.parse(data))
  // Many events come between two frames.
  if (!isWaiting) requestAnimationFrame(draw)
  isWaiting = true
}

function draw() {
  isWaiting = false
  byId('affinity').checked = state.affinity
  byId('play').disabled = state.playing
  byId('play').textContent = state.playing ? 'Playing …' : 'Play 5 conversations'
  drawList()
  drawChat()
  drawPanel()
}

byId('affinity').onchange = ({ target }) => {
  // At once, so that it is not drawn as it was before the server has answered.
  state.affinity = target.checked
  send('PUT', 'affinity', { on: target.checked })
}
byId('play').onclick = () => send('POST', 'play')
byId('new').onclick = () => {
  select(null)
  byId('text').focus()
}

const text = byId('text')
text.onkeydown = (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  byId('composer').requestSubmit()
}
let isSending = false
byId('composer').onsubmit = async (event) => {
  event.preventDefault()
  const said = text.value.trim()
  if (said === '' || isSending) return
  isSending = true
  const id = shown() ?? (await create())
  const answer = id && (await send('POST', `conversations/${id}/turns`, { text: said }))
  isSending = false
  if (answer === undefined) return
  text.value = ''
  select(id)
}

async function create() {
  const answer = await send('POST', 'conversations')
  return answer && JSON.parse(answer).id
}

/** The text of the answer, or undefined where something went wrong, which is said. */
async function send(method, path, body) {
  const headers = { 'content-type': 'application/json' }
  try {
    const answer = await fetch(`api/${path}`, { method, headers, body: body && JSON.stringify(body) })
    const words = await answer.text()
    say(answer.ok ? '' : words)
    return answer.ok ? words : undefined
  } catch {
    say('The server does not answer.')
    return undefined
  }
}

function say(words) {
  byId('status').textContent = words
}
