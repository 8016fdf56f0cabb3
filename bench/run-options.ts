import { Command as Program, CommanderError, InvalidArgumentError } from 'commander';

/** What a command of the benchmark takes. */
export interface Command {
  /** As a user types it, such as `npm run bench`. */
  readonly name: string;
  readonly rows: readonly string[];
  /** Its options without their dashes, each with what it does. */
  readonly flags: Readonly<Record<string, string>>;
}

/** What a run was asked for; no rows: all. */
export interface RunOptions {
  readonly rows: readonly string[];
  has(flag: string): boolean;
}

/** There is nothing to run: what to say instead, and how the program ends. */
export interface NothingToRun {
  readonly say: string;
  readonly exitCode: 0 | 2;
}

/** Reads the arguments of a command. A run takes minutes, so nothing that is not understood is passed over. */
export function readArguments(args: readonly string[], { name, rows, flags }: Command): RunOptions | NothingToRun {
  let say = '';
  const hear = (text: string): void => void (say += text);
  const named: string[] = [];
  const program = new Program(name)
    .usage(`-- ${rows.length === 0 ? '' : '[ROW ...] '}[options]`)
    .exitOverride()
    .configureOutput({ writeOut: hear, writeErr: hear });
  const row = (text: string): void => {
    const known = rows.find((id) => id === text.toUpperCase());
    if (known === undefined) throw new InvalidArgumentError(`There are ${rows.join(', ')}.`);
    named.push(known);
  };
  program.argument('[ROW...]', `${rows.join(', ')}; none: all of them`, row);
  const given = new Set<string>();
  for (const [flag, what] of Object.entries(flags)) {
    program.option(`--${flag}`, what).on(`option:${flag}`, () => given.add(flag));
  }
  try {
    program.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { say, exitCode: error.exitCode === 0 ? 0 : 2 };
  }
  return { rows: named, has: (flag) => given.has(flag) };
}
