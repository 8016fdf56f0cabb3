import { parseArgs } from 'node:util';

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
export function readArguments(args: readonly string[], command: Command): RunOptions | NothingToRun {
  const refused = (why: string): NothingToRun => ({ say: `${why}\n${usage(command)}`, exitCode: 2 });
  const flags = [...Object.keys(command.flags), 'help'];
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean' as const }])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option' || token.rawName === '-h') continue;
    if (!flags.includes(token.name)) return refused(`no such option: ${token.rawName}`);
    if (token.value !== undefined) return refused(`${token.rawName} takes no value`);
  }
  if (values['help'] === true || values['h'] === true) return { say: usage(command), exitCode: 0 };
  const rows = positionals.map((name) => name.toUpperCase());
  const unknown = rows.filter((row) => !command.rows.includes(row));
  if (unknown.length > 0) {
    return { say: `no such row: ${unknown.join(', ')} (there are ${command.rows.join(', ')})\n`, exitCode: 2 };
  }
  return { rows, has: (flag) => values[flag] === true };
}

function usage({ name, rows, flags }: Command): string {
  const lines = Object.entries(flags).map(([flag, what]) => `  --${flag.padEnd(12)} ${what}\n`);
  const what = rows.length === 0 ? '' : `  ROW            ${rows.join(', ')}; none: all of them\n`;
  return `usage: ${name}${rows.length === 0 ? '' : ' -- [ROW ...]'} [options]\n${what}${lines.join('')}`;
}
