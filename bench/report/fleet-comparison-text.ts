import { isWithinBounds, type ComparedCurve, type ComparedFigure, type Comparison } from './fleet-comparison.js';
import { countText, percentText, timeText } from './fleet-words.js';

/** A comparison for the terminal. */
export function comparisonText(comparison: Comparison): string {
  const { name, seed, agents, svids } = comparison;
  const head = [
    `${name}: simulated and measured, seed ${seed}`,
    `${countText(agents)} real agents, ${countText(svids)} SVIDs; ${loadText(comparison)}`,
  ];
  const title = `${''.padEnd(34)}${'simulated'.padStart(12)}${'measured'.padStart(12)}${'error'.padStart(10)}`;
  const rows = comparison.figures.map((figure) => line(figure.label, ...cellsOf(figure), limitOf(figure)));
  const curves = comparison.curves.map((curve) => line(curve.title, '', '', percentText(curve.error), limitOf(curve)));
  const verdict = isWithinBounds(comparison)
    ? '✓ every bounded error is within its bound'
    : '✗ an error is above its bound';
  return `${[...head, '', title, ...rows, '', 'Area between the curves', ...curves, '', verdict].join('\n')}\n`;
}

export function loadText({ capacity, load }: Pick<Comparison, 'capacity' | 'load'>): string {
  const times = Number(load.toPrecision(2));
  return `they ask for ${times} times what the server issues (${countText(capacity)}/s, measured)`;
}

/** Simulated, measured, error. */
export function cellsOf({ simulated, measured, error, unit }: ComparedFigure): [string, string, string] {
  const show = (value: number | undefined): string => {
    if (value === undefined) return 'none';
    return unit === 'ms' ? timeText(value) : countText(value);
  };
  return [show(simulated), show(measured), error === undefined ? '' : signedPercent(error)];
}

/** `at most 5 %`, with a word when it is not kept; empty: no bound. */
export function limitOf({ error, bound }: Pick<ComparedFigure, 'error' | 'bound'> | ComparedCurve): string {
  if (bound === undefined) return '';
  const kept = error !== undefined && Math.abs(error) <= bound;
  return `at most ${percentText(bound)}${kept ? '' : ', MISSED'}`;
}

function signedPercent(share: number): string {
  return `${share > 0 ? '+' : ''}${Number((share * 100).toFixed(1))} %`;
}

function line(label: string, simulated: string, measured: string, error: string, limit: string): string {
  return `  ${label.padEnd(32)}${simulated.padStart(12)}${measured.padStart(12)}${error.padStart(10)}   ${limit}`.trimEnd();
}
