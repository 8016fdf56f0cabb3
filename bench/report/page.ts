import { growthChart } from './growth-chart.js';
import { missedBy, usagesText } from './terminal.js';
import type { ProgramUsage } from '../rig/program.js';
import { reached, spreadOf, type Figure } from '../row.js';

/** One row's figures as they are kept in the results file. */
export interface RowResult {
  readonly id: string;
  readonly work: string;
  readonly anchor: string;
  readonly figures: readonly Figure[];
  /** What the programs under test used over the whole row. */
  readonly programs?: readonly ProgramUsage[];
  /** Why it could not be measured. */
  readonly failure?: string;
}

const WIDTH = 360;
const HEIGHT = 22;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** The ratios of all rounds on one line, the median as a bar, the target as a mark. */
function drawing({ ratios, target }: Figure): string {
  const { median, max } = spreadOf(ratios);
  const scale = (WIDTH - 10) / (Math.max(max, target?.value ?? 0) * 1.05 || 1);
  const dots = ratios.map((ratio) => `<circle cx="${(ratio * scale).toFixed(1)}" cy="11" r="2.5" class="round"/>`);
  const at = ((target?.value ?? 0) * scale).toFixed(1);
  const mark = target === undefined ? '' : `<line x1="${at}" x2="${at}" y1="1" y2="${HEIGHT - 1}" class="target"/>`;
  const bar = `<rect x="0" y="6" width="${(median * scale).toFixed(1)}" height="10" class="median"/>`;
  return `<svg width="${WIDTH}" height="${HEIGHT}" role="img">${bar}${dots.join('')}${mark}</svg>`;
}

function line(figure: Figure): string {
  const { name, ratios, target, absolute } = figure;
  const { median, min, max } = spreadOf(ratios);
  const verdict =
    { true: 'reached', false: `missed ${missedBy(figure)}`, undefined: '' }[String(reached(figure))] ?? '';
  const notes = Object.entries(absolute).map(([key, value]) => `${key} ${value}`);
  const cells = [
    escaped(name),
    `${median.toFixed(3)} <small>[${min.toFixed(3)}–${max.toFixed(3)}]</small>`,
    drawing(figure),
    target === undefined ? '' : `${target.is} ${Number(target.value.toFixed(3))}`,
    verdict,
    escaped(notes.join(', ')),
  ];
  return `<tr class="${verdict.split(' ')[0] ?? ''}">${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

/** Why a row has no figures. */
function failed(failure: string | undefined): string {
  return failure === undefined ? '' : `<pre class="failed">FAILED: ${escaped(failure)}</pre>`;
}

/** The whole page; nothing outside of it is needed to show it. */
export function reportPage(rows: readonly RowResult[], about: string): string {
  const parts = rows.map(
    ({ id, work, anchor, figures, programs = [], failure }) =>
      `<h2>${escaped(id)} ${escaped(work)}</h2><p>against ${escaped(anchor)}</p>${failed(failure)}<table>${figures.map(line).join('')}</table>
<div>${figures.map((figure) => growthChart(figure, escaped)).join('')}</div>
${programs.length === 0 ? '' : `<p><small>used in all: ${escaped(usagesText(programs))}</small></p>`}`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Benchmark</title><style>
body{font:14px system-ui;margin:2em;max-width:90em}td{padding:2px 10px 2px 0;vertical-align:middle}
.median{fill:#9bb8d3}.round{fill:#28527a}.target{stroke:#c33;stroke-width:2}.growth{font-size:11px;margin:0 1em 1em 0}.growth polyline{fill:none;stroke-width:1.5}.straight{stroke:#999;stroke-dasharray:4 3}.measured{stroke:#28527a}
.missed td:nth-child(5){color:#c33}.reached td:nth-child(5){color:#292}.failed{color:#c33}
</style><h1>Benchmark</h1><p>${escaped(about)}. Every figure is a ratio to an anchor of the same run; dots are rounds, the bar is
their median, the line is the target. Where growth is drawn, both axes count doublings: dashed is the straight line, red the steepest growth allowed.</p>${parts.join('\n')}</html>\n`;
}
