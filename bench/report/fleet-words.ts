/** `1m23.4s`, `59.1 s`, `250 ms`: as precise as a person wants it. */
export function timeText(ms: number | undefined): string {
  if (ms === undefined) return 'not reached';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h} h ${m} min` : `${m} min ${s} s`;
}

/** With thin groups of three: `20,000,000`. */
export function countText(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** For axes and small places: `13.8k`, `2.5M`. */
export function shortCount(value: number): string {
  const scaled = (by: number, unit: string): string => `${Number((value / by).toPrecision(3))}${unit}`;
  if (Math.abs(value) >= 1e6) return scaled(1e6, 'M');
  return Math.abs(value) >= 1e4 ? scaled(1e3, 'k') : `${Number(value.toPrecision(3))}`;
}

export function percentText(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}
