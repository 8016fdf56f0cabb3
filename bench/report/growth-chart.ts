import type { Figure } from '../row.js';

const WIDTH = 320;
const HEIGHT = 210;
const LEFT = 34;
const BOTTOM = 24;
const TOP = 26;
const RIGHT = 28;

/** Cost over size, both in doublings from the first point, beside the straight line and the steepest growth allowed. */
export function growthChart({ name, growth = [], target }: Figure, escaped: (text: string) => string): string {
  const [first] = growth;
  if (first === undefined) return '';
  const points = growth.map(({ size, cost }) => ({
    x: Math.log2(size / first.size),
    y: Math.log2(cost / first.cost),
    size,
  }));
  const most = Math.max(...points.map(({ x }) => x));
  const highest = Math.max(most + 1, ...points.map(({ y }) => y));
  const at = (x: number, y: number): string =>
    `${(LEFT + (x / most) * (WIDTH - LEFT - RIGHT)).toFixed(1)},${(HEIGHT - BOTTOM - (Math.max(0, y) / highest) * (HEIGHT - BOTTOM - TOP)).toFixed(1)}`;
  const line = (slope: number, kind: string): string =>
    `<polyline points="${at(0, 0)} ${at(most, most * slope)}" class="${kind}"/>`;
  const measured = points.map(({ x, y }) => at(x, y));
  const marks = measured.map(
    (point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3" class="round"/>`,
  );
  const labels = points.map(({ x, size }) => {
    const [left] = at(x, 0).split(',');
    return `<text x="${left}" y="${HEIGHT - 8}" text-anchor="middle">${size}</text>`;
  });
  const costs = Array.from({ length: Math.floor(highest) + 1 }, (_, y) => {
    const [, top] = at(0, y).split(',');
    return `<text x="${LEFT - 6}" y="${top}" text-anchor="end" dominant-baseline="middle">${2 ** y}×</text>`;
  });
  // Growth of 1.1 per doubling beyond the straight line: each doubling of the size multiplies the cost by 2.2.
  const allowed = Math.log2(2 * (target?.value ?? 1));
  return `<svg width="${WIDTH}" height="${HEIGHT}" role="img" class="growth"><text x="4" y="14">${escaped(name.replace(/, per doubling$/, ''))}</text>
${line(1, 'straight')}${line(allowed, 'target')}<polyline points="${measured.join(' ')}" class="measured"/>
${marks.join('')}${labels.join('')}${costs.join('')}</svg>`;
}
