import { COLORS } from './palette.js'

/** All of the page's looks. Nothing is fetched: the fonts are the reader's own. */
export const style: string = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f5f6f8; --ink: #1b1f24; --dim: #545d68; --line: #d3d8de;
  --good: #0a6b3d; --bad: #b3261e; --open: #7a5200;
  --with: #0b63b0; --without: #b4500b; --tint: 24%;
  --c0: #0072b2; --c1: #e69f00; --c2: #009e73; --c3: #cc79a7; --c4: #56b4e9; --c5: #d55e00; --c6: #8c7a00; --c7: #6f6f6f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1d2127; --ink: #e8eaed; --dim: #a3acb7; --line: #3a424c;
    --good: #5fd39a; --bad: #ff8a80; --open: #f0c05a;
    --with: #6cb6ff; --without: #ffa657; --tint: 38%;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 62rem; padding: 1.25rem clamp(0.9rem, 4vw, 2.5rem) 3rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif;
}
h1 { font-size: clamp(1.4rem, 4.5vw, 2rem); line-height: 1.25; margin: 0.4rem 0 0.6rem; text-wrap: balance; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 0.6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 0.4rem; }
p { margin: 0.4rem 0; }
.dim, caption { color: var(--dim); }
.verdict { border-left: 0.4rem solid var(--mark); padding-left: clamp(0.8rem, 3vw, 1.4rem); margin: 0.5rem 0 1.5rem; }
.verdict .name { color: var(--mark); font-weight: 700; letter-spacing: 0.02em; }
.good { --mark: var(--good); } .bad { --mark: var(--bad); } .open { --mark: var(--open); }
li { margin: 0.3rem 0; overflow-wrap: anywhere; }
code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, 'DejaVu Sans Mono', monospace; background: var(--card); border-radius: 0.25rem; padding: 0.05em 0.3em; overflow-wrap: anywhere; }
.scroll { position: relative; overflow-x: auto; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.scroll:focus-visible, summary:focus-visible { outline: 3px solid var(--with); outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0.6rem 0.75rem 0.2rem; font-size: 0.92rem; }
th, td { padding: 0.45rem 0.7rem; text-align: left; vertical-align: top; }
thead th { color: var(--dim); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; }
.figures tbody tr > * { border-top: 1px solid var(--line); }
.grid { border-spacing: 3px; }
.grid tbody th { white-space: nowrap; position: sticky; left: 0; background: var(--card); }
.grid td { min-width: 5.6rem; border-radius: 0.3rem; background: var(--paper); line-height: 1.3; overflow-wrap: anywhere; }
.grid td[class] { background: color-mix(in srgb, var(--c) var(--tint), var(--paper)); border-left: 0.3rem solid var(--c); }
.grid small { display: block; font-size: 0.86rem; }
.hit { color: var(--good); } .partly { color: var(--open); } .missed { color: var(--bad); }
.grid td[class] small { color: inherit; } .grid td[class] .missed, .grid td[class] .partly { font-weight: 700; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; margin: 0.5rem 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.said { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.failed { font-weight: 700; color: var(--bad); }
.key { display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; list-style: none; padding: 0; margin: 0.5rem 0; }
.key li span { overflow-wrap: anywhere; }
.key li { margin: 0; min-inline-size: 0; display: flex; align-items: center; gap: 0.45rem; }
.swatch { inline-size: 0.95rem; block-size: 0.95rem; flex: none; background: var(--c); border-radius: 0.2rem; }
.round { border-radius: 50%; }
${Array.from({ length: COLORS }, (_, at) => `.c${at} { --c: var(--c${at}); }`).join('\n')}
.with { --c: var(--with); } .without { --c: var(--without); }
figure { margin: 0; }
figure svg { width: 100%; height: auto; max-width: 46rem; display: block; }
.narrow { display: none; }
@media (max-width: 40rem) {
  .narrow { display: block; } .wide { display: none; }
  th, td { padding: 0.4rem 0.5rem; }
  .figures thead th { white-space: normal; }
  .figures td { overflow-wrap: anywhere; }
  .grid { border-spacing: 2px; }
  .grid thead th { font-size: 0.85rem; }
  .grid thead th span { display: none; }
  .grid th, .grid td { padding: 0.3rem 0.35rem; }
  .grid td { min-width: 3rem; font-size: 0.9rem; }
}
@media print { body { max-width: none; } }
`
