import { parseDuration, formatDuration } from './duration.js';
import type { Problems } from './problems.js';

/** One setting of a configuration file: how it is read and what the reference says about it. */
export interface Setting<T> {
  /** For the reference: `text`, `duration`, `a | b`. */
  readonly type: string;
  /** For the reference; empty: there is no default. */
  readonly fallback: string;
  readonly help: string;
  /** `value` is undefined when the setting is unset. Adds what is wrong to `problems`, at `pointer`; what it returns is then never used. */
  read(value: unknown, pointer: string, problems: Problems): T;
}

/** Settings and groups of settings, by their key in the file. */
export interface SettingGroup {
  readonly [key: string]: Setting<unknown> | SettingGroup;
}

/** What a file that follows `G` is parsed to; every default is in it. */
export type Parsed<G> = {
  readonly [K in keyof G]: G[K] extends Setting<infer T> ? T : Parsed<G[K]>;
};

export function isSetting(entry: Setting<unknown> | SettingGroup): entry is Setting<unknown> {
  return typeof entry.read === 'function';
}

/** Appends `key` to a JSON Pointer. */
export function pointerTo(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Reads `input` as `group` says. An empty string or null is unset; unknown keys are problems. The result is deeply frozen. */
export function readSettings<G extends SettingGroup>(
  group: G,
  input: unknown,
  problems: Problems,
  pointer = '',
): Parsed<G> {
  const given = (input ?? {}) as Record<string, unknown>;
  const result: Record<string, unknown> = {};
  if (typeof given !== 'object' || Array.isArray(given)) {
    problems.add(pointer, 'a group of settings (key: value) is expected');
    return readSettings(group, undefined, SILENT, pointer);
  }
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(group, key)) continue;
    problems.add(
      pointerTo(pointer, key.slice(0, 100)),
      `unknown setting; known here: ${Object.keys(group).join(', ')}`,
    );
  }
  for (const [key, entry] of Object.entries(group)) {
    const value = Object.hasOwn(given, key) ? given[key] : undefined;
    const set = value === '' || value === null ? undefined : value;
    const here = pointerTo(pointer, key);
    result[key] = isSetting(entry) ? entry.read(set, here, problems) : readSettings(entry, set, problems, here);
  }
  return Object.freeze(result) as Parsed<G>;
}

/** What a setting does when the file does not have it. */
interface Missing<T> {
  readonly text: string;
  readonly value: (pointer: string, problems: Problems) => T;
}

function required<T>(what: string, placeholder: T): Missing<T> {
  return {
    text: 'required',
    value: (pointer, problems) => {
      problems.add(pointer, `${what} is required`);
      return placeholder;
    },
  };
}

function otherwise<T>(value: T, text: string): Missing<T> {
  return { text, value: () => value };
}

function setting<T>(
  type: string,
  help: string,
  missing: Missing<T>,
  expected: string,
  parse: (value: unknown) => T | undefined,
): Setting<T> {
  return {
    type,
    help,
    fallback: missing.text,
    read: (value, pointer, problems) => {
      if (value === undefined) return missing.value(pointer, problems);
      const parsed = parse(value);
      if (parsed !== undefined) return parsed;
      problems.add(pointer, `${expected} is expected`);
      return missing.value(pointer, SILENT);
    },
  };
}

/** A value that is wrong is told once, not also as missing. */
const SILENT = { add: () => {} } as unknown as Problems;

/** What a text has to look like, in words and as a check. */
export interface TextForm {
  readonly expected: string;
  readonly accepts: (text: string) => boolean;
}

const ANY_TEXT: TextForm = {
  expected: 'a text of one line and at most 4096 characters',
  // No control character belongs into a path, a name or an address.
  accepts: (text) => text.length <= 4096 && !/\p{Cc}/u.test(text),
};

const textOf = (form: TextForm) => (value: unknown) =>
  typeof value === 'string' && ANY_TEXT.accepts(value) && form.accepts(value) ? value : undefined;

export function requiredText(help: string, form = ANY_TEXT): Setting<string> {
  return setting('text', help, required(form.expected, ''), form.expected, textOf(form));
}

export function text(help: string, fallback: string, form = ANY_TEXT): Setting<string> {
  return setting('text', help, otherwise(fallback, fallback), form.expected, textOf(form));
}

export function optionalText(help: string, form = ANY_TEXT, fallback = ''): Setting<string | undefined> {
  return setting<string | undefined>('text', help, otherwise(undefined, fallback), form.expected, textOf(form));
}

/** A list of texts, empty when unset. What is wrong with an entry is told at that entry. */
export function textList(help: string, form = ANY_TEXT, max = 64): Setting<readonly string[]> {
  return {
    type: 'list of texts',
    fallback: '[]',
    help,
    read: (value = [], pointer, problems) => {
      if (!Array.isArray(value) || value.length > max) {
        problems.add(pointer, `a list of at most ${max} entries, each ${form.expected}, is expected`);
        return Object.freeze([]);
      }
      const entries = (value as readonly unknown[]).map(textOf(form));
      entries.forEach((entry, index) => {
        if (entry === undefined) problems.add(pointerTo(pointer, index), `${form.expected} is expected`);
      });
      return Object.freeze(entries.filter((entry) => entry !== undefined));
    },
  };
}

/** A whole number; digits in quotes are one too, since templates like to quote. */
export function integer(help: string, fallback: number, min: number, max: number): Setting<number> {
  const expected = `a whole number from ${min} to ${max}`;
  return setting(`${min} to ${max}`, help, otherwise(fallback, String(fallback)), expected, (value) => {
    const number = typeof value === 'string' && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
    return typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max
      ? number
      : undefined;
  });
}

export function flag(help: string, fallback: 'true' | 'false'): Setting<boolean> {
  return setting('true | false', help, otherwise(fallback === 'true', fallback), 'true or false', (value) => {
    if (value === 'true' || value === 'false') return value === 'true';
    return typeof value === 'boolean' ? value : undefined;
  });
}

export function choice<const T extends string>(help: string, options: readonly T[], fallback: NoInfer<T>): Setting<T> {
  return setting(options.join(' | '), help, otherwise(fallback, fallback), `one of ${options.join(', ')}`, (value) =>
    options.find((option) => option === value),
  );
}

/** Bounds of a duration setting, as Go durations. */
export interface DurationBounds {
  readonly min: string;
  readonly max: string;
}

/** A Go duration, in milliseconds. */
export function duration(help: string, fallback: string, bounds: DurationBounds): Setting<number> {
  const missing = otherwise(parseDuration(fallback) ?? 0, fallback);
  return setting('duration', help, missing, durationExpected(bounds), durationWithin(bounds));
}

/** A Go duration, in milliseconds; `fallback` describes what is done without it. */
export function optionalDuration(help: string, fallback: string, bounds: DurationBounds): Setting<number | undefined> {
  const missing = otherwise<number | undefined>(undefined, fallback);
  return setting('duration', help, missing, durationExpected(bounds), durationWithin(bounds));
}

function durationExpected({ min, max }: DurationBounds): string {
  return `a duration from ${printed(min)} to ${printed(max)} (such as 90s, 10m, 24h)`;
}

function durationWithin({ min, max }: DurationBounds): (value: unknown) => number | undefined {
  const [least, most] = [parseDuration(min) ?? 0, parseDuration(max) ?? 0];
  return (value) => {
    const ms = typeof value === 'string' ? parseDuration(value) : undefined;
    return ms !== undefined && ms >= least && ms <= most ? ms : undefined;
  };
}

function printed(duration: string): string {
  return formatDuration(parseDuration(duration) ?? 0);
}

/** `host`, `host:port` or `[address]:port`, parsed. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

const ADDRESS = /^(?:\[(?<v6>[0-9A-Fa-f:.]{2,45})\]|(?<name>[A-Za-z0-9_.-]{1,253}))(?::(?<port>[0-9]{1,5}))?$/;

export function requiredAddress(help: string, defaultPort: number): Setting<HostAndPort> {
  const expected = 'host:port or [address]:port';
  return setting('host:port', help, required(expected, { host: '', port: 0 }), expected, (value) => {
    const parts = typeof value === 'string' ? ADDRESS.exec(value)?.groups : undefined;
    const host = parts?.['v6'] ?? parts?.['name'];
    const port = Number(parts?.['port'] ?? defaultPort);
    return host !== undefined && port >= 1 && port <= 65_535 ? Object.freeze({ host, port }) : undefined;
  });
}

/** A setting that is known, and refused by name. */
export function unavailable(what: string): Setting<undefined> {
  return {
    type: 'not available',
    fallback: '',
    help: `${what}: not available in this version.`,
    read: (value, pointer, problems) => {
      if (value !== undefined) problems.add(pointer, `${what} is not available in this version`);
      return undefined;
    },
  };
}
