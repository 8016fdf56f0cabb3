import { readFile } from 'node:fs/promises';
import { Argument, type Command } from 'commander';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { ConfigProblemMessage, ConfigScopeMessage } from './admin-messages.js';
import type { Invocation } from './cli-command.js';
import { UsageError } from './failure.js';

/** More than the server reads of one document; keeps a wrong file name from filling the memory. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Adds what each configuration command needs: whose configuration. */
export function scopeArguments(command: Command): Command {
  return command
    .addArgument(new Argument('<scope>', 'whose configuration').choices(['cluster', 'trust-domain-deployment']))
    .requiredOption('--id <id>', 'id of the cluster or of the deployment');
}

export function scopeOf(invocation: Invocation): ConfigScopeMessage {
  return { kind: invocation.arg(0), id: invocation.text('id') };
}

/** The documents in the files that were named after the scope; `-` is standard input. */
export async function readDocuments(invocation: Invocation): Promise<readonly string[]> {
  const files = invocation.args.slice(1);
  if (files.filter((file) => file === '-').length > 1) throw new UsageError('standard input (-) can be read only once');
  return Promise.all(files.map((file) => (file === '-' ? invocation.terminal.readInput() : readDocument(file))));
}

async function readDocument(file: string): Promise<string> {
  let text: Buffer;
  try {
    text = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw new SpirlError('INVALID_REQUEST', `${file} cannot be read: ${code}`, { cause: error });
  }
  if (text.length > MAX_FILE_BYTES) throw new SpirlError('INVALID_REQUEST', `${file} is larger than a section may be`);
  return text.toString('utf8');
}

/** One line per problem: section, JSON Pointer, what was expected. */
export function problemLines(problems: readonly ConfigProblemMessage[]): string {
  return problems.map(({ section, path, reason }) => `  ${section} ${path || '/'}: ${reason}\n`).join('');
}
