/** Nanoseconds per unit, as Go's `time.ParseDuration` names them. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const SHAPE = /^(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|μs|ms|s|m|h)|\.[0-9]+(?:ns|us|µs|μs|ms|s|m|h))+$/;
const PART = /([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)/g;
/** Longer than any duration that fits Go's 64 bits, with every unit written out. */
const MAX_LENGTH = 64;
/** Go's longest duration, about 292 years. */
const MAX_NANOSECONDS = 2n ** 63n - 1n;

/** Milliseconds of a Go duration (`720h`, `2160h0m0s`, `1.5s`, `500ms`, `0`); `undefined` when it is none, or negative. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > MAX_LENGTH || !SHAPE.test(text)) return undefined;
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(PART)) {
    const scale = UNITS[unit] ?? 0n;
    total += BigInt(whole === '' ? 0 : whole) * scale;
    if (fraction !== '') total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  if (total > MAX_NANOSECONDS) return undefined;
  return Number(total / 1_000_000n) + Number(total % 1_000_000n) / 1e6;
}

/** A Go duration as Go prints it: `2160h0m0s`, `1m30s`, `1.5s`, `500ms`, `0s`. Rounds to nanoseconds. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  const whole = Math.floor(ms);
  const ns = BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6));
  if (ns === 0n) return '0s';
  if (ns < 1_000n) return `${ns}ns`;
  if (ns < 1_000_000n) return `${decimal(ns, 1_000n)}µs`;
  if (ns < 1_000_000_000n) return `${decimal(ns, 1_000_000n)}ms`;
  const [minute, hour] = [60_000_000_000n, 3_600_000_000_000n];
  const seconds = `${decimal(ns % minute, 1_000_000_000n)}s`;
  if (ns < minute) return seconds;
  if (ns < hour) return `${ns / minute}m${seconds}`;
  return `${ns / hour}h${(ns % hour) / minute}m${seconds}`;
}

/** `value / scale` as a decimal number without trailing zeros; `scale` is a power of ten. */
function decimal(value: bigint, scale: bigint): string {
  const rest = (value % scale)
    .toString()
    .padStart(scale.toString().length - 1, '0')
    .replace(/0+$/, '');
  return rest === '' ? `${value / scale}` : `${value / scale}.${rest}`;
}
