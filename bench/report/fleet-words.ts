/** `1 min 23 s`, `59.1 s`, `250 ms`: as precise as a person wants it. */
export function timeText(ms: number | undefined): string {
  if (ms === undefined) return 'not reached';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const told = seconds >= 3600 ? parts.slice(0, 2) : parts;
  return told
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** In groups of three: `20,000,000`. */
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

/** What a replica issues, and who says so. */
export function capacityText(perSecond: number, from: string | undefined): string {
  return `one replica issues ${countText(perSecond)} SVIDs per second (${from ?? 'as the scenario says'})`;
}

export function percentText(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}
