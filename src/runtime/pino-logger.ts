import { pino, type Logger as Pino } from 'pino';
import type { Clock } from './clock.js';
import { SpirlError } from './errors.js';
import type { LogFields, Logger } from './logger.js';
import { textLine } from './log-text.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogSettings {
  /** `json`: one object per line with level, ts (seconds), logger, msg and the fields; `text`: for people. */
  readonly format: 'json' | 'text';
  readonly level: LogLevel;
}

/** Where lines go; each call is one line with its newline. */
export interface LogDestination {
  write(line: string): void;
}

/** Longest text of a field, in characters. */
const MAX_TEXT = 4096;
/** What the line itself uses; a field of that name is renamed. */
const RESERVED = new Set(['level', 'ts', 'logger', 'msg']);
/** Errors behind an error that are told. */
const MAX_CAUSES = 5;

/** A logger called `name` (`agent`, `server`). Nothing in a field can begin a new line. */
export function createPinoLogger(name: string, settings: LogSettings, clock: Clock, to: LogDestination): Logger {
  const root = pino(
    {
      base: null,
      level: settings.level,
      timestamp: () => `,"ts":${clock.now() / 1000}`,
      formatters: { level: (label) => ({ level: label }) },
    },
    settings.format === 'json' ? to : { write: (line: string) => to.write(textLine(line)) },
  );
  return new PinoLogger(root, name);
}

class PinoLogger implements Logger {
  readonly #root: Pino;
  readonly #pino: Pino;
  readonly #name: string;
  constructor(root: Pino, name: string) {
    this.#root = root;
    this.#name = name;
    this.#pino = root.child({ logger: name });
  }
  debug(message: string, fields?: LogFields): void {
    this.#log('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#log('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#log('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#log('error', message, fields);
  }
  named(name: string): Logger {
    return new PinoLogger(this.#root, `${this.#name}.${name}`);
  }

  #log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    const shown: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(fields)) {
      const name = RESERVED.has(key) ? `field_${key}` : key;
      if (value instanceof Error) this.#showError(shown, name, value);
      else shown[name] = showable(value);
    }
    this.#pino[level](shown, message);
  }

  /** Message and code; what is behind it, and where, only where debugging is on. */
  #showError(shown: Record<string, unknown>, name: string, error: Error): void {
    shown[name] = showable(error.message);
    const code = error instanceof SpirlError ? error.code : (error as NodeJS.ErrnoException).code;
    if (code !== undefined) shown[`${name}_code`] = code;
    if (!this.#pino.isLevelEnabled('debug')) return;
    const causes = causesOf(error);
    if (causes.length > 0) shown[`${name}_causes`] = causes;
    if (!(error instanceof SpirlError) && error.stack !== undefined) shown[`${name}_stack`] = showable(error.stack);
  }
}

function causesOf(error: Error): readonly unknown[] {
  const causes: unknown[] = [];
  let { cause } = error;
  while (cause instanceof Error && causes.length < MAX_CAUSES) {
    causes.push(showable(cause.message));
    ({ cause } = cause);
  }
  return causes;
}

function showable(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  // A log is no place for bytes: they are too long, and may be a key.
  if (value instanceof Uint8Array) return `(${value.byteLength} bytes)`;
  if (typeof value !== 'string' || value.length <= MAX_TEXT) return value;
  return `${value.slice(0, MAX_TEXT)}… (${value.length - MAX_TEXT} more)`;
}
