import { parseDuration, formatDuration } from '../../src/runtime/duration.js';
import type { Problems } from '../../src/runtime/problems.js';
import { pointerTo, type Setting } from '../../src/runtime/settings.js';
import { DISTRIBUTION_FORMS, parametersOf, parseDistribution, type Distribution } from './distribution.js';

// The kinds of values that only scenarios have. Each says its unit and its range when it is refused.

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

interface Form<T> {
  readonly type: string;
  /** What is expected, with unit and range. */
  readonly expected: string;
  parse(value: unknown): T | undefined;
}

function settingOf<T>(form: Form<T>, help: string, fallback: string, value: T): Setting<T> {
  return {
    type: form.type,
    help,
    fallback,
    read: (given, pointer, problems) => {
      if (given === undefined) return value;
      const parsed = form.parse(given);
      if (parsed === undefined) problems.add(pointer, `${form.expected} is expected, not ${shown(given)}`);
      return parsed ?? value;
    },
  };
}

function shown(value: unknown): string {
  return (JSON.stringify(value) as string | undefined)?.slice(0, 60) ?? 'nothing';
}

function defaultOf<T>(form: Form<T>, fallback: string): T {
  const value = form.parse(fallback);
  if (value === undefined) throw new Error(`the default ${fallback} is not ${form.expected}`);
  return value;
}

/** A number per second, written `1000/s`. */
export function rate(help: string, fallback: string, bounds: Bounds): Setting<number> {
  const form = rateForm(bounds);
  return settingOf(form, help, fallback, defaultOf(form, fallback));
}

function rateForm({ min, max }: Bounds): Form<number> {
  return {
    type: 'rate per second',
    expected: `a rate per second from ${min}/s to ${max}/s (such as 1000/s)`,
    parse: (value) => {
      const [, text] = (typeof value === 'string' && /^([0-9]+(?:\.[0-9]+)?)\/s$/.exec(value)) || [];
      const number = text === undefined ? NaN : Number(text);
      return number >= min && number <= max ? number : undefined;
    },
  };
}

/** A rate, or the word `word` for none (undefined). */
export function rateOr(word: string, help: string, fallback: string, bounds: Bounds): Setting<number | undefined> {
  const plain = rateForm(bounds);
  const none = Symbol(word);
  const form: Form<number | typeof none> = {
    type: `rate per second | ${word}`,
    expected: `${plain.expected}, or ${word},`,
    parse: (value) => (value === word ? none : plain.parse(value)),
  };
  const inner = settingOf(form, help, fallback, defaultOf(form, fallback));
  return {
    ...inner,
    read: (value, pointer, problems) => {
      const read = inner.read(value, pointer, problems);
      return read === none ? undefined : read;
    },
  };
}

/** A part of the whole, written `5%`; 0 to 1 inside. */
export function share(help: string, fallback: string): Setting<number> {
  const form: Form<number> = {
    type: 'percentage',
    expected: 'a percentage from 0% to 100%',
    parse: (value) => {
      const [, text] = (typeof value === 'string' && /^([0-9]+(?:\.[0-9]+)?)%$/.exec(value)) || [];
      const number = text === undefined ? NaN : Number(text) / 100;
      return number <= 1 ? number : undefined;
    },
  };
  return settingOf(form, help, fallback, defaultOf(form, fallback));
}

/** A number with a fraction. */
export function amount(help: string, unit: string, fallback: number, { min, max }: Bounds): Setting<number> {
  const form: Form<number> = {
    type: `number (${unit})`,
    expected: `a number from ${min} to ${max} (${unit})`,
    parse: (value) => (typeof value === 'number' && value >= min && value <= max ? value : undefined),
  };
  return settingOf(form, help, String(fallback), fallback);
}

/** How a duration varies; milliseconds inside. */
export function durations(help: string, fallback: string, bounds: { min: string; max: string }): Setting<Distribution> {
  const [min, max] = [parseDuration(bounds.min) ?? 0, parseDuration(bounds.max) ?? 0];
  const form = within(
    'durations',
    `durations from ${formatDuration(min)} to ${formatDuration(max)}: ${DISTRIBUTION_FORMS} (such as uniform 0s..500ms)`,
    parseDuration,
    { min, max },
  );
  return settingOf(form, help, fallback, defaultOf(form, fallback));
}

/** How a count varies. */
export function counts(help: string, fallback: string, bounds: Bounds): Setting<Distribution> {
  const number = (text: string): number | undefined => (/^[0-9]{1,9}$/.test(text) ? Number(text) : undefined);
  const form = within(
    'numbers',
    `whole numbers from ${bounds.min} to ${bounds.max}: ${DISTRIBUTION_FORMS} (such as lognormal 20 p99 110)`,
    number,
    bounds,
  );
  return settingOf(form, help, fallback, defaultOf(form, fallback));
}

function within(
  type: string,
  expected: string,
  unit: (text: string) => number | undefined,
  bounds: Bounds,
): Form<Distribution> {
  return {
    type,
    expected,
    parse: (value) => {
      if (typeof value !== 'string' && typeof value !== 'number') return undefined;
      const parsed = parseDistribution(String(value), unit);
      if (parsed === undefined) return undefined;
      const [least, most] = parametersOf(parsed);
      return least >= bounds.min && most <= bounds.max ? parsed : undefined;
    },
  };
}

/** A list of which each entry is read by `read`, at most `max` entries. */
export function listOf<T>(
  help: string,
  max: number,
  read: (value: unknown, pointer: string, problems: Problems) => T | undefined,
): Setting<readonly T[]> {
  return {
    type: 'list',
    help,
    fallback: '[]',
    read: (value, pointer, problems) => {
      if (value === undefined) return [];
      if (!Array.isArray(value) || value.length > max) {
        problems.add(pointer, `a list of at most ${max} entries is expected`);
        return [];
      }
      return value.flatMap((entry: unknown, index) => {
        const parsed = read(entry, pointerTo(pointer, index), problems);
        return parsed === undefined ? [] : [parsed];
      });
    },
  };
}
