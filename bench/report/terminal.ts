import type { ProgramUsage } from '../rig/program.js';
import { reached, spreadOf, type Figure } from '../row.js';

const VERDICT = { true: 'reached', false: 'MISSED', undefined: '' } as const;

/** By how much a figure misses its target, such as `by 39 %`; empty when it does not. */
export function missedBy(figure: Figure): string {
  if (figure.target === undefined || reached(figure) !== false) return '';
  const { median } = spreadOf(figure.ratios);
  const { value } = figure.target;
  return `by ${((Math.abs(median - value) / value) * 100).toFixed(0)} %`;
}

/** One line of the table, with its newline. */
export function printFigure(figure: Figure): string {
  const { name, ratios, target, absolute } = figure;
  const { median, min, max } = spreadOf(ratios);
  const spread = `${median.toFixed(3).padStart(8)} [${min.toFixed(3)}-${max.toFixed(3)}]`.padEnd(24);
  const wanted = target === undefined ? '' : `${target.is} ${Number(target.value.toFixed(3))}`;
  const verdict = `${VERDICT[String(reached(figure)) as keyof typeof VERDICT]} ${missedBy(figure)}`;
  const notes = Object.entries(absolute).map(([key, value]) => `${key} ${value}`);
  return `  ${name.padEnd(58)} ${spread} ${wanted.padEnd(15)} ${verdict.padEnd(16)} ${notes.join(', ')}\n`;
}

/** What the programs under test used over a row, as one line; nothing when there were none. */
export function printUsages(programs: readonly ProgramUsage[]): string {
  if (programs.length === 0) return '';
  return `  used in all: ${usagesText(programs)}\n`;
}

/** CPU and memory of each program. */
export function usagesText(programs: readonly ProgramUsage[]): string {
  const shown = programs.map(({ name, cpuSeconds, peakKib }) => {
    return `${name} ${cpuSeconds.toFixed(1)} s CPU, ${(peakKib / 1024).toFixed(0)} MiB peak`;
  });
  return shown.join('; ');
}
