import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../src/runtime/duration.js';

// Values of flags: each says its unit and its range when it is refused.

/** Runs of one command; each takes minutes. */
const MAX_SEEDS = 10;

export function seeds(text: string): number[] {
  const values = text.split(',').map(whole);
  if (values.length > MAX_SEEDS) throw new InvalidArgumentError(`at most ${MAX_SEEDS} seeds are expected`);
  return values;
}

export function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text !== '' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`a whole number from ${least} to ${most} is expected`);
  };
}

export function time(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > 86_400_000)
    throw new InvalidArgumentError('a duration from 0s to 24h is expected, such as 3m');
  return ms;
}

export function positive(text: string): number {
  const value = whole(text);
  if (value === 0) throw new InvalidArgumentError('a whole number from 1 is expected');
  return value;
}

export function collect(value: string, before: readonly string[]): string[] {
  if (!/^[A-Za-z0-9.]+=/.test(value)) throw new InvalidArgumentError('setting=value is expected');
  return [...before, value];
}

export function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || value > 2 ** 31) {
    throw new InvalidArgumentError('a whole number from 0 to 2147483648 is expected');
  }
  return value;
}
