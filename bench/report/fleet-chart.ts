import { shortCount, timeText } from './fleet-words.js';

/** One line or area of a chart; values are per step, null leaves a hole. */
export interface Series {
  readonly label: string;
  /** Class of the style sheet that gives it its colour. */
  readonly look: string;
  readonly values: readonly (number | null)[];
  readonly form: 'line' | 'area';
}

export interface Chart {
  readonly title: string;
  /** Of the values: `SVIDs/s`, `ms`. */
  readonly unit: string;
  readonly series: readonly Series[];
  /** Areas lie on top of each other. */
  readonly stacked?: boolean;
  /** A line across, such as a capacity. */
  readonly limit?: { readonly value: number; readonly label: string };
  /** Values are milliseconds. */
  readonly times?: boolean;
}

/** What happened when; drawn through every chart. */
export interface Mark {
  readonly atMs: number;
  readonly text: string;
  readonly kind: 'step' | 'failure';
}

const [WIDTH, HEIGHT] = [720, 210];
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 12, 24, 24];
const BADGE_WIDTH = 18;
const [PLOT_WIDTH, PLOT_HEIGHT] = [WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];

interface Frame {
  readonly totalMs: number;
  readonly stepMs: number;
  readonly most: number;
}

const x = (frame: Frame, ms: number): number =>
  round(LEFT + (Math.min(ms, frame.totalMs) / frame.totalMs) * PLOT_WIDTH);
const y = (frame: Frame, value: number): number => round(TOP + PLOT_HEIGHT * (1 - Math.min(1, value / frame.most)));
const round = (value: number): number => Math.round(value * 10) / 10;

/** The chart as an SVG element; colours come from the page's style sheet. */
export function chartSvg(chart: Chart, marks: readonly Mark[], stepMs: number, totalMs: number): string {
  const layers = chart.stacked === true ? stacked(chart.series) : chart.series;
  const highest = Math.max(0, ...layers.flatMap(({ values }) => values.map((value) => value ?? 0)));
  // A limit far above the curves would press them flat.
  const limit = chart.limit !== undefined && chart.limit.value <= highest * 2.5 ? chart.limit : undefined;
  const frame = { totalMs, stepMs, most: niceAbove(Math.max(highest, limit?.value ?? 0)) };
  const show = chart.times === true ? timeText : shortCount;
  const parts = [
    ...axes(frame, show),
    ...[...layers].reverse().map((series) => drawn(frame, series)),
    ...(limit === undefined ? [] : [limitLine(frame, limit)]),
    ...markLines(frame, marks),
  ];
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(chart.title)}">${parts.join('')}</svg>`;
}

/** Each layer drawn from zero to the sum of itself and those below it; the first is the lowest. */
function stacked(series: readonly Series[]): Series[] {
  const sums: number[] = [];
  return series.map((layer) => ({
    ...layer,
    values: layer.values.map((value, i) => (sums[i] = (sums[i] ?? 0) + (value ?? 0))),
  }));
}

function axes(frame: Frame, show: (value: number) => string): string[] {
  const lines = [0, 0.5, 1].map((part) => {
    const at = y(frame, part * frame.most);
    const label = part === 0 ? '0' : show(part * frame.most);
    return `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text class="tick" x="${LEFT - 6}" y="${at + 4}" text-anchor="end">${label}</text>`;
  });
  const every = timeStep(frame.totalMs);
  const ticks: string[] = [];
  for (let at = 0; at <= frame.totalMs; at += every) {
    // The last one may stand at the very edge.
    const [left, anchor] = x(frame, at) > WIDTH - 24 ? [WIDTH, 'end'] : [x(frame, at), 'middle'];
    ticks.push(`<text class="tick" x="${left}" y="${HEIGHT - 6}" text-anchor="${anchor}">${clockText(at)}</text>`);
  }
  return [...lines, ...ticks];
}

/** `0:30`, `2:00`, `1:15:00`. */
function clockText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function timeStep(totalMs: number): number {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400].map((s) => s * 1000);
  return steps.find((step) => totalMs / step <= 8) ?? 21_600_000;
}

function niceAbove(value: number): number {
  if (value <= 0) return 1;
  const scale = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 8, 10].find((nice) => nice * scale >= value) ?? 10) * scale;
}

function drawn(frame: Frame, series: Series): string {
  const pieces = piecesOf(series.values).map((piece) =>
    piece.map(([index, value]) => `${x(frame, (index + 0.5) * frame.stepMs)},${y(frame, value)}`),
  );
  const last = (piece: readonly string[]): string => piece.at(-1)?.split(',')[0] ?? '';
  const first = (piece: readonly string[]): string => piece[0]?.split(',')[0] ?? '';
  const floor = y(frame, 0);
  const path = pieces
    .map((piece) => {
      const line = `M${piece.join('L')}`;
      return series.form === 'area' ? `${line}L${last(piece)},${floor}L${first(piece)},${floor}Z` : line;
    })
    .join('');
  return `<path class="${series.form} ${series.look}" d="${path}"/>`;
}

/** Runs of values without a hole between them. */
function piecesOf(values: readonly (number | null)[]): (readonly [number, number])[][] {
  const pieces: (readonly [number, number])[][] = [];
  let open = false;
  values.forEach((value, index) => {
    if (value === null) {
      open = false;
      return;
    }
    if (!open) pieces.push([]);
    open = true;
    pieces.at(-1)?.push([index, value]);
  });
  return pieces;
}

function limitLine(frame: Frame, { value, label }: { value: number; label: string }): string {
  const at = y(frame, value);
  return `<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text class="limit-label" x="${WIDTH - RIGHT - 4}" y="${at - 4}" text-anchor="end">${escaped(label)}</text>`;
}

/** Lines stand where they belong; their badges give each other room. */
function markLines(frame: Frame, marks: readonly Mark[]): string[] {
  let free = 0;
  return marks.map(({ atMs, text, kind }, index) => {
    const at = x(frame, atMs);
    const badge = Math.max(at, free);
    free = badge + BADGE_WIDTH;
    const line = `<line class="mark ${kind}" x1="${at}" x2="${at}" y1="${TOP - 2}" y2="${TOP + PLOT_HEIGHT}"/>`;
    const circle = `<circle class="badge ${kind}" cx="${badge}" cy="${TOP - 12}" r="8"><title>${escaped(text)}</title></circle>`;
    const number = `<text class="badge-text" x="${badge}" y="${TOP - 8.5}" text-anchor="middle">${index + 1}</text>`;
    return line + circle + number;
  });
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
