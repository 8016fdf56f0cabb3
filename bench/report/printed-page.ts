import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../rig/program.js';
import type { Figure } from '../row.js';
import type { RowResult } from './page.js';
import { printFigure } from './terminal.js';

const PAGE = join(projectRoot, 'docs/performance.md');

/** Replaces the text between `<!-- NAME: begin -->` and `<!-- NAME: end -->`. Throws when the page has no such place. */
export function replacePart(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}: begin -->\n`, `<!-- ${name}: end -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the page has no place for ${name}`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}

/** The table as it was printed, row by row. */
export function printedRows(about: string, rows: readonly Pick<RowResult, 'id' | 'figures'>[]): string {
  const lines = rows.map(({ id, figures }) => `${id}\n${printed(figures)}`);
  return `${about}:\n\n\`\`\`text\n${lines.join('')}\`\`\`\n`;
}

function printed(figures: readonly Figure[]): string {
  return figures.map((figure) => printFigure(figure).replace(/ +\n$/, '\n')).join('');
}

/** Puts what was printed into docs/performance.md. */
export function printIntoDocs(name: 'bench' | 'peers', text: string): void {
  writeFileSync(PAGE, replacePart(readFileSync(PAGE, 'utf8'), name, text));
}
