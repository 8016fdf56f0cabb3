import { formatDuration, parseDuration } from 'spirl-agent/runtime/duration.js';
import type { Problems } from 'spirl-agent/runtime/problems.js';
import { MalformedTemplate } from './malformed-template.js';

/** A mapping of a section's spec with the place where it stands, read field by field; problems are collected, never thrown. */
export class SpecReader {
  readonly at: string;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #problems: Problems;

  /** Missing and null are an empty mapping. `known` undefined: any field name. */
  constructor(value: unknown, at: string, problems: Problems, known?: readonly string[]) {
    this.at = at;
    this.#problems = problems;
    this.#fields = isMapping(value) ? value : {};
    if (value !== undefined && value !== null && !isMapping(value)) problems.add(at, 'a mapping is expected');
    if (known === undefined) return;
    for (const name of Object.keys(this.#fields)) {
      if (!known.includes(name)) this.problem(name, `unknown setting (known: ${known.join(', ')})`);
    }
  }

  get entries(): readonly (readonly [name: string, value: unknown])[] {
    return Object.entries(this.#fields);
  }

  mapping(name: string, known: readonly string[]): SpecReader {
    return new SpecReader(this.#get(name), this.pointer(name), this.#problems, known);
  }

  /** A mapping with names of the user's choice. */
  dictionary(name: string): SpecReader {
    return new SpecReader(this.#get(name), this.pointer(name), this.#problems);
  }

  /** Items of a list as mappings. */
  mappings(name: string, known: readonly string[], most: number): readonly SpecReader[] {
    const list = this.#get(name) ?? [];
    if (!Array.isArray(list) || list.length > most) {
      this.problem(name, `a list of at most ${most} is expected`);
      return [];
    }
    return list.map((item, i) => new SpecReader(item, `${this.pointer(name)}/${i}`, this.#problems, known));
  }

  /** Text; undefined when unset, which an empty string is too. */
  text(name: string, maxBytes: number): string | undefined {
    const value = this.#get(name);
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string' && Buffer.byteLength(value) <= maxBytes) return value;
    this.problem(name, `text of at most ${maxBytes} bytes is expected`);
    return undefined;
  }

  /** A duration in milliseconds. */
  duration(name: string, { min, max, fallback }: { min: number; max: number; fallback: number }): number {
    const value = this.#get(name);
    if (value === undefined || value === null || value === '') return fallback;
    const ms = typeof value === 'string' ? parseDuration(value) : undefined;
    if (ms !== undefined && ms >= min && ms <= max) return ms;
    this.problem(name, `a duration from ${formatDuration(min)} to ${formatDuration(max)} is expected, for example 24h`);
    return fallback;
  }

  /** What `compile` makes; a MalformedTemplate becomes a problem of field `name`. */
  compiled<T>(name: string, compile: () => T): T | undefined {
    try {
      return compile();
    } catch (error) {
      if (!(error instanceof MalformedTemplate)) throw error;
      this.problem(name, error.message);
      return undefined;
    }
  }

  /** Adds a problem of field `name`; of the mapping itself without one. */
  problem(name: string | undefined, reason: string): void {
    this.#problems.add(name === undefined ? this.at : this.pointer(name), reason);
  }

  /** JSON Pointer of a field. */
  pointer(name: string): string {
    return `${this.at}/${name.slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
