const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `2026-11-21 04:00:00 UTC` */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `in 23h`, `in 5m`, `3d ago`, `now`: the largest unit that fits twice, rounded down. */
export function relativeText(ms: number, now: number): string {
  const distance = Math.abs(ms - now);
  if (distance < SECOND) return 'now';
  const text = span(distance);
  return ms > now ? `in ${text}` : `${text} ago`;
}

function span(ms: number): string {
  if (ms >= 2 * DAY) return `${Math.floor(ms / DAY)}d`;
  if (ms >= 2 * HOUR) return `${Math.floor(ms / HOUR)}h`;
  if (ms >= 2 * MINUTE) return `${Math.floor(ms / MINUTE)}m`;
  return `${Math.floor(ms / SECOND)}s`;
}

/** `2026-11-22 04:00:00 UTC (in 23h)` */
export function timeWithDistance(ms: number, now: number): string {
  return `${timeText(ms)} (${relativeText(ms, now)})`;
}
