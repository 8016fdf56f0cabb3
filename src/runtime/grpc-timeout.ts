import { SpirlError } from './errors.js';

const UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds that a `grpc-timeout` (up to eight digits and a unit) stands for. Throws INVALID_REQUEST for anything else. */
export function timeoutMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, unit = ''] = /^([0-9]{1,8})([HMSmun])$/.exec(text) ?? [];
  if (digits === undefined) throw new SpirlError('INVALID_REQUEST', 'grpc-timeout: up to eight digits and a unit');
  return Number(digits) * (UNITS_MS[unit] ?? 0);
}
