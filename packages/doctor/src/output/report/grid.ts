import { html } from 'hono/html'
import type { Arm, Call } from '../../client/calls.js'
import { percent } from '../terminal.js'
import { ARM_NAMES } from './chart.js'
import type { CacheState, Labels } from './palette.js'

type Piece = ReturnType<typeof html>

/** One row per conversation, one column per turn: the backend, and the cached share of the prompt. */
export function gridOf(arm: Arm, calls: readonly Call[], labels: Labels): Piece {
  const own = calls.filter((call) => call.arm === arm)
  if (own.length === 0) return html`<h3>${ARM_NAMES[arm]}</h3><p>No calls.</p>`
  const turns = range(Math.max(...own.map(({ turn }) => turn)))
  const conversations = range(Math.max(...own.map(({ conversation }) => conversation)))
  const name = `Backend by turn, ${ARM_NAMES[arm].toLowerCase()}`
  return html`<h3>${ARM_NAMES[arm]}</h3>
<div class="scroll" role="region" aria-label="${name}" tabindex="0">
<table class="grid">
<caption>Backend, and cached share of the prompt</caption>
<thead><tr><th scope="col">conv<span>ersation</span></th>${turns.map((turn) => html`<th scope="col">turn ${turn}</th>`)}</tr></thead>
<tbody>${conversations.map(
    (conversation) =>
      html`<tr><th scope="row">${conversation}</th>${turns.map((turn) =>
        cell(
          own.find((call) => call.conversation === conversation && call.turn === turn),
          labels,
        ),
      )}</tr>`,
  )}</tbody>
</table>
</div>`
}

const CACHE: Readonly<Record<CacheState, string>> = { hit: 'cached', partly: 'older turn cached', missed: 'not cached' }

function cell(call: Call | undefined, labels: Labels): Piece {
  if (call === undefined) return html`<td>not sent</td>`
  const { fault, promptTokens, cachedTokens } = call.answer
  if (fault !== undefined)
    return html`<td><span class="failed">failed</span><small>${fault.status ?? fault.kind}</small></td>`
  const backend = labels.backendOf(call)
  const state = labels.cacheOf(call)
  const share =
    state !== undefined && promptTokens !== undefined && cachedTokens !== undefined && promptTokens > 0
      ? ` ${percent(cachedTokens / promptTokens)}`
      : ''
  const cache = state === undefined ? '' : html`<small class="${state}">${CACHE[state]}${share}</small>`
  if (backend !== undefined) return html`<td class="c${backend.color}">${backend.text}${cache}</td>`
  return html`<td>${state === undefined ? (call.turn === 1 ? 'first turn' : 'unknown') : cache}</td>`
}

function range(to: number): number[] {
  return Array.from({ length: to }, (_, at) => at + 1)
}
