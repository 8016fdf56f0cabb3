/** Structured fields of a log line. Never a key, a token or another secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What parts log to; pino implements it in `telemetry/`, tests record it. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger named `<this>.<name>`, for example `agent.endpoints`. */
  named(name: string): Logger;
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  named: () => silentLogger,
};
