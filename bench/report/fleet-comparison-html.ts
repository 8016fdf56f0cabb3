import { chartSvg, escaped } from './fleet-chart.js';
import { type ComparedCurve, type Comparison } from './fleet-comparison.js';
import { cellsOf, limitOf, loadText } from './fleet-comparison-text.js';
import { FLEET_STYLE } from './fleet-style.js';
import { countText, percentText } from './fleet-words.js';

/** The measured curve in one colour, the simulated one in another. */
export function comparedSvg(curve: ComparedCurve): string {
  const { title, unit, times, stepMs, simulated, measured } = curve;
  const chart = {
    ...{ title, unit, times },
    series: [
      { label: 'measured', look: 'first', form: 'line', values: measured },
      { label: 'simulated', look: 'wave', form: 'line', values: simulated },
    ],
  } as const;
  return chartSvg(chart, [], stepMs, stepMs * Math.max(simulated.length, measured.length));
}

/** Comparisons as a page of their own: one file, nothing is loaded. */
export function comparisonHtml(comparisons: readonly Comparison[]): string {
  const title = comparisons[0]?.name ?? 'Comparison';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}: simulated and measured</title><style>${FLEET_STYLE}</style></head><body><main>
${comparisons.map(section).join('\n')}
<footer>Measured with real agents and a real server; simulated with the same scenario and seed, and the measured capacity. Errors are those of the simulation.</footer>
</main></body></html>
`;
}

function section(comparison: Comparison): string {
  const { name, seed, agents, svids, figures, curves } = comparison;
  const rows = figures
    .map((figure) => [figure.label, ...cellsOf(figure), limitOf(figure)])
    .concat(curves.map((curve) => [`${curve.title}: area`, '', '', percentText(curve.error), limitOf(curve)]))
    .map((cells) => `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`);
  return `<h1>${escaped(name)}, seed ${seed}</h1>
<p class="lead">${countText(agents)} real agents, ${countText(svids)} SVIDs; ${escaped(loadText(comparison))}.</p>
<section class="charts">${curves.map(figureOf).join('')}</section>
<table><tr><td></td><td>simulated</td><td>measured</td><td>error</td><td>bound</td></tr>${rows.join('')}</table>`;
}

function figureOf(curve: ComparedCurve): string {
  const legend = `<span><i class="first"></i>measured</span><span><i class="wave"></i>simulated</span>`;
  const caption = `<b>${escaped(curve.title)}</b><span class="legend">${escaped(curve.unit)}${legend}</span>`;
  return `<figure><figcaption>${caption}</figcaption>${comparedSvg(curve)}</figure>`;
}
