import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SpirlError } from 'spirl-agent/runtime/errors.js';

/** Servers that were logged in to, by name. */
export interface Contexts {
  readonly current: string | undefined;
  readonly servers: Readonly<Record<string, string>>;
}

const FORMAT = 1;
const NONE: Contexts = { current: undefined, servers: {} };

/** Where contexts are kept: `$XDG_CONFIG_HOME/spirlctl/config.json`, else below `$HOME/.config`; `undefined` without either. */
export function contextsFile(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const [xdg, home] = [env['XDG_CONFIG_HOME'], env['HOME']];
  // The specification of XDG: a path that is not absolute is to be ignored.
  if (xdg?.startsWith('/')) return join(xdg, 'spirlctl/config.json');
  return home?.startsWith('/') ? join(home, '.config/spirlctl/config.json') : undefined;
}

/** No file: no contexts. Throws INVALID_CONFIG naming a file that is none of ours. */
export async function readContexts(file: string | undefined): Promise<Contexts> {
  if (file === undefined) return NONE;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return NONE;
    throw new SpirlError('INVALID_CONFIG', `${file} cannot be read: ${code}`, { cause: error });
  }
  const stored = parsed(text);
  if (stored === undefined) {
    throw new SpirlError('INVALID_CONFIG', `${file} is no contexts file of this version: correct it or remove it`);
  }
  return stored;
}

/** Atomically, mode 0600. */
export async function writeContexts(file: string | undefined, contexts: Contexts): Promise<void> {
  if (file === undefined) throw new SpirlError('INVALID_CONFIG', 'HOME is not set, so contexts cannot be saved');
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const document = { format: FORMAT, currentContext: contexts.current, contexts: contexts.servers };
  await writeFile(`${file}.new`, `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function parsed(text: string): Contexts | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof document !== 'object' || document === null) return undefined;
  const { format, currentContext, contexts } = document as Record<string, unknown>;
  if (format !== FORMAT || typeof contexts !== 'object' || contexts === null) return undefined;
  const servers = Object.entries(contexts);
  if (!servers.every(([, server]) => typeof server === 'string')) return undefined;
  return {
    current: typeof currentContext === 'string' ? currentContext : undefined,
    servers: Object.fromEntries(servers),
  };
}
