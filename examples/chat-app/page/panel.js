import { byId, element, hue } from './dom.js'
import { cachedShare, laterTurns, median, state } from './state.js'

const kinds = {
  turn: { letter: '', name: 'turn' },
  title: { letter: 'T', name: 'title' },
  compaction: { letter: 'C', name: 'compaction' },
  research: { letter: 'R', name: 'sub-agent' },
}

/** Draws the calls: a row for each conversation, the newest first, and in it a column for each replica. */
export function drawPanel() {
  byId('about').textContent = state.about && `${state.about}.`
  const heads = state.replicas.map((replica) => {
    const served = state.calls.filter((call) => call.replica === replica).length
    const count = element('small', {}, served === 1 ? '1 call' : `${served} calls`)
    return element('th', { scope: 'col' }, replica || '?', ' ', count)
  })
  const first = element('th', { scope: 'col' }, element('span', { className: 'visually-hidden' }, 'Conversation'))
  byId('columns').replaceChildren(
    element(
      'tr',
      {},
      first,
      ...heads,
      element(
        'th',
        { scope: 'col', className: 'share', title: 'share of the prompt tokens, from the second turn on' },
        'cached',
      ),
    ),
  )
  const begun = [...state.conversations.values()].filter(({ messages }) => messages.length > 0)
  byId('rows').replaceChildren(...begun.toReversed().map(row))
  byId('nothing').hidden = begun.length > 0
  drawFigures()
}

function row(conversation) {
  const calls = state.calls.filter((call) => call.conversation === conversation.id)
  const cells = state.replicas.map((replica) => {
    const marks = calls.filter((call) => call.replica === replica).map((call) => mark(call, conversation))
    return element('td', { data: { replica } }, element('ul', { className: 'marks' }, ...marks))
  })
  const name = element(
    'span',
    { className: `badge ${hue(conversation)}`, title: conversation.topic },
    conversation.number,
  )
  return element(
    'tr',
    { data: { conversation: conversation.id } },
    element('th', { scope: 'row' }, name),
    ...cells,
    element('td', { className: 'share' }, percent(cachedShare(laterTurns(calls)))),
  )
}

function mark(call, conversation) {
  const { kind, pinned, turn, cachedTokens, promptTokens, firstTextMs } = call
  const { letter, name } = kinds[kind]
  const isCold = kind === 'turn' && turn > 1 && cachedTokens < promptTokens / 2
  const classes = ['mark', hue(conversation), kind, pinned && 'pinned', isCold && 'cold'].filter(Boolean)
  const key = pinned ? 'with a key' : 'without a key'
  const facts = `${cachedTokens} of ${promptTokens} prompt tokens cached, first text after ${firstTextMs} ms`
  const said = `${kind === 'turn' ? `turn ${turn}` : `${name} of turn ${turn}`}, ${key}: ${facts}`
  return element(
    'li',
    { className: classes.join(' '), title: said, data: { kind, pinned, turn } },
    element('span', { ariaHidden: 'true' }, letter || turn),
    element('span', { className: 'visually-hidden' }, said),
  )
}

function drawFigures() {
  const later = laterTurns(state.calls)
  const arms = [true, false].map((pinned) => later.filter((call) => call.pinned === pinned))
  const rows = {
    'on the same replica as the turn before': (calls) =>
      calls.length === 0 ? '–' : `${calls.filter((call) => call.replica === call.before).length} of ${calls.length}`,
    'prompt tokens from the cache': (calls) => percent(cachedShare(calls)),
    'median time to the first text': (calls) => {
      const found = median(calls.map((call) => call.firstTextMs))
      return found === undefined ? '–' : `${found} ms`
    },
  }
  byId('figures').replaceChildren(
    ...Object.entries(rows).map(([name, figure]) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, name),
        ...arms.map((calls) => element('td', {}, figure(calls))),
      ),
    ),
  )
}

const percent = (share) => (share === undefined ? '–' : `${Math.round(share * 100)} %`)
