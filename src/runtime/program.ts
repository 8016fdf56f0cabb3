import { readFileSync } from 'node:fs';
import { SpirlError } from './errors.js';

/** What is needed of Node's `process`. */
interface EndingProcess {
  readonly argv: readonly string[];
  readonly stderr: { write(text: string): unknown };
  exit(code: number): never;
}

/** A long-running program: what it is called, what it is, and what it does with its configuration file. */
export interface Program {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  /** Resolves with what the process ends with; a failure that it has logged is 1. Throws what could not be logged yet. */
  readonly run: (configFile: string) => Promise<0 | 1>;
}

/** Reads the command line, runs the program, and ends the process: 0 done, 1 failed, 2 wrong usage. */
export async function runProgram(program: Program, of: EndingProcess): Promise<never> {
  try {
    const [command, option, file, ...rest] = of.argv.slice(2);
    const usual = command === 'run' && option === '--config' && rest.length === 0;
    // The usual command line is read without the library for others, which would be a twentieth of an agent's start.
    if (usual && file !== undefined && !file.startsWith('-')) of.exit(await program.run(file));
    await readCommandLine(program, of);
  } catch (error) {
    of.stderr.write(`Error: ${error instanceof SpirlError ? error.message : 'internal error'}\n`);
    if (!(error instanceof SpirlError)) of.stderr.write(`${error instanceof Error ? (error.stack ?? '') : ''}\n`);
    of.exit(1);
  }
  of.exit(0);
}

async function readCommandLine({ name, description, version, run }: Program, of: EndingProcess): Promise<void> {
  const { Command } = await import('commander');
  const program = new Command(name).description(description).version(version);
  program.configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'Error:')) });
  program
    .command('run')
    .description('runs in the foreground until SIGINT or SIGTERM')
    .requiredOption('--config <file>', 'configuration file (YAML)')
    .action(async ({ config }: { config: string }) => of.exit(await run(config)));
  program.exitOverride((error) => of.exit(error.exitCode === 0 ? 0 : 2));
  for (const command of program.commands) command.exitOverride((error) => of.exit(error.exitCode === 0 ? 0 : 2));
  await program.parseAsync(of.argv);
}

/** Text of a configuration file. Throws INVALID_CONFIG when it cannot be read. */
export function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    throw new SpirlError('INVALID_CONFIG', `the configuration file ${file} cannot be read: ${code}`, { cause });
  }
}

/** Version of the package whose `package.json` lies at `url`. */
export function packageVersion(url: URL): string {
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
}
