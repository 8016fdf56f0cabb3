import type { Command } from 'commander';
import type { AdminClient } from './admin-client.js';
import type { Terminal } from './terminal.js';

/** What a command says: as text, or with `-o json`. */
export interface Answer {
  /** Ends with a newline unless it is empty. */
  readonly text: string;
  readonly json: unknown;
}

/** One command of the tree; its file is named by its words. */
export interface CliCommand {
  /** As typed, without the program's name: `trust-domain deployment keyset list`. */
  readonly words: string;
  readonly summary: string;
  /** Adds arguments and options. */
  readonly configure?: (command: Command) => unknown;
  /** No answer: the command has said everything itself. */
  readonly run: (invocation: Invocation) => Promise<Answer | undefined>;
}

/** One use of a command. */
export class Invocation {
  readonly terminal: Terminal;
  readonly output: 'text' | 'json';
  readonly args: readonly string[];
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #connect: () => Promise<AdminClient>;

  constructor(parts: {
    readonly terminal: Terminal;
    readonly args: readonly string[];
    readonly options: Readonly<Record<string, unknown>>;
    readonly connect: () => Promise<AdminClient>;
  }) {
    this.terminal = parts.terminal;
    this.args = parts.args;
    this.output = parts.options['output'] === 'json' ? 'json' : 'text';
    this.#options = parts.options;
    this.#connect = parts.connect;
  }

  /** The argument at `index`, empty when it was not given. */
  arg(index: number): string {
    return this.args[index] ?? '';
  }
  /** The option `name` in camelCase, empty when it was not given. */
  text(name: string): string {
    const value = this.#options[name];
    return typeof value === 'string' ? value : '';
  }
  flag(name: string): boolean {
    return this.#options[name] === true;
  }
  /** A client of the chosen server; it is closed when the command ends. */
  connect(): Promise<AdminClient> {
    return this.#connect();
  }
}
