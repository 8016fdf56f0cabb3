import { comparedSvg } from './fleet-comparison-html.js';
import { cellsOf, limitOf, loadText } from './fleet-comparison-text.js';
import { isWithinBounds, type ComparedCurve, type Comparison } from './fleet-comparison.js';
import { countText, percentText } from './fleet-words.js';

/** Above this the machine, and not only what ran on it, shows in the figures. */
const BUSY = 0.8;

/** One scenario of the page. */
export interface ComparedScenario {
  /** Name of the example, or file. */
  readonly scenario: string;
  readonly description: string;
  readonly runs: readonly ComparedRun[];
}

export interface ComparedRun {
  readonly comparison: Comparison;
  readonly machine: { readonly cores: number; readonly busyShare: number };
  /** Identities that were without a valid SVID at some moment. */
  readonly gaps: number;
}

/** A page in Markdown, and the plots beside it: by file name. */
export interface ComparisonPage {
  readonly markdown: string;
  readonly plots: ReadonlyMap<string, string>;
}

/** `plotFolder`: relative to the page. */
export function comparisonPage(
  scenarios: readonly ComparedScenario[],
  command: string,
  plotFolder: string,
): ComparisonPage {
  const plots = new Map<string, string>();
  const sections = scenarios.map((compared) => section(compared, plotFolder, plots));
  const head = `# Simulated and measured

Written by \`${command}\`; do not edit. Every run starts a server and its agents anew: real node sessions, mTLS, bundle streams, and the renewal
code that agents ship with. The simulation gets the scenario, the seed and **one measured figure: how many SVIDs per second the server issued to a
single caller just before the run**. The wait of each agent after the taint comes from the same seed in both. Errors are those of the simulation
against the measurement; for curves, the area between them as a part of the area under the measured one. Errors in bold are above their bound. What
has no bound is shown for the eye: into which second an SVID falls, and a median between two heaps, is chance.
`;
  return { markdown: [head, ...sections].join('\n'), plots };
}

function section(
  { scenario, description, runs }: ComparedScenario,
  folder: string,
  plots: Map<string, string>,
): string {
  const [first] = runs;
  if (first === undefined) return '';
  const { name, agents, svids } = first.comparison;
  const images = shownCurves(first.comparison).map((curve, index) => {
    const file = `${scenario}-${index + 1}.svg`;
    plots.set(file, standalone(curve));
    return `![${curve.title}: simulated and measured](${folder}/${file})`;
  });
  const seeds = runs.map(({ comparison }) => comparison.seed);
  return `## ${name}

${description} ${countText(agents)} agents, ${countText(svids)} SVIDs; ${loadText(first.comparison)}.
${summary(runs)}${freeText(first.comparison)}

${table(runs)}

Seed ${seeds[0] ?? ''}, from the commit of the taint on:

${images.join('\n')}

${machineText(runs)}
`;
}

/** Without a queue there is no curve of one. */
function shownCurves({ curves, regime }: Comparison): readonly ComparedCurve[] {
  return regime === 'free' ? curves.slice(0, 2) : curves;
}

function freeText({ regime }: Comparison): string {
  if (regime !== 'free') return '';
  return ' Nothing waits here, so queue and answers are milliseconds of the machine, of which the simulation knows nothing: they have no bound.';
}

function summary(runs: readonly ComparedRun[]): string {
  const kept = runs.filter(({ comparison }) => isWithinBounds(comparison)).length;
  const gaps = runs.reduce((sum, run) => sum + run.gaps, 0);
  const bounds =
    kept === runs.length
      ? 'Every bounded error is within its bound'
      : `${kept} of ${runs.length} runs are within all bounds`;
  return `${bounds}. Identities without a valid SVID at any moment: ${countText(gaps)}.`;
}

function table(runs: readonly ComparedRun[]): string {
  const [first] = runs;
  if (first === undefined) return '';
  const head = ['simulated / measured, error', ...runs.map(({ comparison }) => `seed ${comparison.seed}`), 'bound'];
  const figures = first.comparison.figures.map((figure, index) => {
    const cells = runs.map(({ comparison }) => {
      const own = comparison.figures[index] ?? figure;
      const [simulated, measured, error] = cellsOf(own);
      return `${simulated} / ${measured}${error === '' ? '' : `, ${marked(error, limitOf(own))}`}`;
    });
    return [figure.label, ...cells, limitText(figure.bound)];
  });
  const curves = shownCurves(first.comparison).map((curve, index) => {
    const cells = runs.map(({ comparison }) => {
      const own = comparison.curves[index] ?? curve;
      return marked(percentText(own.error), limitOf(own));
    });
    return [`curve: ${lowerFirst(curve.title)}`, ...cells, limitText(curve.bound)];
  });
  const capacity = [
    'capacity, measured before',
    ...runs.map(({ comparison }) => `${countText(comparison.capacity)}/s`),
    '',
  ];
  const rows = [head, head.map(() => '---'), capacity, ...figures, ...curves];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function machineText(runs: readonly ComparedRun[]): string {
  const cores = runs[0]?.machine.cores ?? 0;
  const shares = runs.map(({ machine }) => percentText(Number(machine.busyShare.toFixed(2)))).join(', ');
  const most = Math.max(...runs.map(({ machine }) => machine.busyShare));
  const limit =
    most > BUSY
      ? 'So the machine was a limit of its own: latencies, and what depends on them, are partly its own.'
      : 'So the machine was not the limit.';
  return `Server and agents shared ${cores} cores, busy ${shares} of the time of the runs. ${limit}`;
}

/** An SVG that carries its colours with it. */
function standalone(curve: ComparedCurve): string {
  const style = `text{font:11px system-ui,sans-serif;fill:#5c6b7a}.grid{stroke:#dde3ea}.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.line.wave{stroke:#2563c9}.line.first{stroke:#e8a33d}`;
  const title = `<text x="360" y="14" text-anchor="middle">${curve.title}, ${curve.unit}: simulated (blue), measured (orange)</text>`;
  return `${comparedSvg(curve)
    .replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')
    .replace('>', `><style>${style}</style><rect width="720" height="210" fill="#fff"/>${title}`)}\n`;
}

function marked(error: string, limit: string): string {
  return limit.endsWith('MISSED') ? `**${error}**` : error;
}

function limitText(bound: number | undefined): string {
  return bound === undefined ? '' : percentText(bound);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
