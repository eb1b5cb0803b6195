import { html, raw } from 'hono/html'
import { ARMS } from '../../client/calls.js'
import type { Examination } from '../../experiment/examine.js'
import { groupDigits } from '../../util/format.js'
import { EXIT_CODES } from '../../verdict/verdict.js'
import { ROWS } from '../terminal.js'
import { ARM_NAMES, chartOf, medians } from './chart.js'
import { gridOf } from './grid.js'
import { COLORS, type Labels, labelsOf } from './palette.js'
import { style } from './style.js'

const MARKS = { 0: 'good', 1: 'bad', 2: 'open' } as const

type Piece = ReturnType<typeof html>

/** What the page says about the run. */
export interface RunInfo {
  readonly startedAt: Date
  readonly version: string
  /** As it was typed, without credentials. */
  readonly command: string
}

/** A self-contained page: it loads nothing and runs nothing. Everything that came from the network is escaped. */
export async function asPage(examination: Examination, run: RunInfo): Promise<string> {
  const { judgement, findings, calls, identifier, caches, gateway, spent } = examination
  const { verdict, sentence, why, next } = judgement
  const labels = labelsOf(calls, identifier, caches)
  const { affinity, control } = findings.figures
  return String(
    await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${verdict}: session affinity at ${gateway.name}</title>
<style>${raw(style)}</style>
</head>
<body>
<main>
<header class="verdict ${MARKS[EXIT_CODES[verdict]]}">
<p class="name">${verdict}</p>
<h1>${sentence}</h1>
<p class="dim">Gateway: ${gateway.name} (${gateway.known}). ${groupDigits(spent.calls)} calls, ${groupDigits(spent.tokens)} tokens, ${spent.seconds.toFixed(1)} s.</p>
</header>
<section aria-labelledby="why">
<h2 id="why">Evidence</h2>
<ul>${why.map(item)}</ul>
${next.length === 0 ? '' : html`<h2>What to do</h2><ul>${next.map(item)}</ul>`}
</section>
<section aria-labelledby="run">
<h2 id="run">This run</h2>
<dl>
<dt>Base URL</dt><dd>${findings.target.baseUrl}</dd>
<dt>Model</dt><dd>${findings.target.model}</dd>
<dt>Time</dt><dd><time datetime="${run.startedAt.toISOString()}">${run.startedAt.toISOString().replace('T', ' ').slice(0, 16)} UTC</time></dd>
<dt>Doctor</dt><dd>llm-affinity-doctor ${run.version}</dd>
<dt>Command</dt><dd><code>${run.command}</code></dd>
<dt>Key sent in</dt><dd>${findings.carriers.length === 0 ? 'no header: this gateway reads none' : findings.carriers.join(', ')}</dd>
</dl>
<p>The <strong>key</strong> is the id of a session, sent in a header with each call of a conversation. <strong>With the key</strong>: each conversation sends a key of its own. <strong>Without the key</strong>: the same kind of conversations, at the same time, without a key${findings.gateway.requiresKey ? ' of their own: each call sends a new one, because this gateway rejects calls without a key' : ''}.</p>
</section>
<section aria-labelledby="figures">
<h2 id="figures">Both arms</h2>
<div class="scroll" role="region" aria-label="Figures of both arms" tabindex="0">
<table class="figures">
<caption>The same traffic, with a session’s key and without it.</caption>
<thead><tr><td></td>${ARMS.map((arm) => html`<th scope="col">${ARM_NAMES[arm]}</th>`)}</tr></thead>
<tbody>${ROWS.map(([what, show]) => html`<tr><th scope="row">${what}</th><td>${lines(show(affinity))}</td><td>${lines(show(control))}</td></tr>`)}</tbody>
</table>
</div>
</section>
<section aria-labelledby="grid">
<h2 id="grid">Which backend answered which turn</h2>
<p>${caption(labels, identifier)}</p>
${labels.names.length === 0 ? '' : html`<ul class="key" aria-label="Backends">${labels.names.map((name, at) => html`<li><span class="swatch c${at % COLORS}" aria-hidden="true"></span><span>${name}</span></li>`)}</ul>`}
${labels.isEmpty ? '' : ARMS.map((arm) => gridOf(arm, calls, labels))}
</section>
<section aria-labelledby="ttft">
<h2 id="ttft">Time to the first token</h2>
${chartPart(examination)}
</section>
</main>
</body>
</html>
`,
  )
}

function caption({ isEmpty, names }: Labels, identifier: Examination['identifier']): string | Piece {
  if (isEmpty) return 'No answer names its backend, and no answer shows what its cache had seen.'
  const cache = 'The percentage is the cached share of the prompt.'
  return names.length === 0
    ? `No answer names its backend. Cells show whether the cache that answered had seen the turn before. ${cache}`
    : html`Distinguished by <code>${identifier?.by}</code>. A conversation that stays on one backend has one colour. ${cache}`
}

function chartPart({ calls }: Examination): Piece {
  const points = medians(calls)
  if (points.length === 0) return html`<p>No call returned a token.</p>`
  const turns = [...new Set(points.map(({ turn }) => turn))]
  const at = (arm: string, turn: number): string => {
    const found = points.find((point) => point.arm === arm && point.turn === turn)
    return found === undefined ? 'unknown' : `${Math.round(found.ms)} ms`
  }
  return html`<figure>
<figcaption>Each mark is a call. Lines connect the medians of the turns. On a first turn nothing is cached.</figcaption>
<ul class="key" aria-hidden="true"><li><span class="swatch round with"></span>${ARM_NAMES.affinity}</li><li><span class="swatch without"></span>${ARM_NAMES.control}</li></ul>
<div class="wide" aria-hidden="true">${raw(chartOf(calls, 720))}</div>
<div class="narrow" aria-hidden="true">${raw(chartOf(calls, 380))}</div>
</figure>
<details><summary>The medians as a table</summary>
<div class="scroll" role="region" aria-label="Medians of the time to the first token" tabindex="0">
<table class="figures">
<caption>Medians of the time to the first token, by turn.</caption>
<thead><tr><th scope="col">turn</th>${ARMS.map((arm) => html`<th scope="col">${ARM_NAMES[arm]}</th>`)}</tr></thead>
<tbody>${turns.map((turn) => html`<tr><th scope="row">${turn}</th>${ARMS.map((arm) => html`<td>${at(ARM_NAMES[arm], turn)}</td>`)}</tr>`)}</tbody>
</table>
</div>
</details>`
}

// Names and configuration lines are in back quotes.
function item(text: string): Piece {
  return html`<li>${text.split('`').map((part, at) => (at % 2 === 0 ? part : html`<code>${part}</code>`))}</li>`
}

function lines(text: string): (string | Piece)[] {
  return text.split('\n').map((line, at) => (at === 0 ? line : html`<br>${line}`))
}
