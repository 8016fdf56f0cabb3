import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { DevOptions } from './dev-options.js';

const FORMAT = 1;

/** Where everything lies in the state directory. */
export interface DevFiles {
  readonly dir: string;
  readonly agentSocket: string;
  readonly adminSocket: string;
  /** Held by the running `dev`. */
  readonly lockSocket: string;
  readonly bundle: string;
  readonly bootstrap: string;
  readonly clusterKey: string;
  readonly serverConfig: string;
  readonly agentConfig: string;
  readonly serverLog: string;
  readonly agentLog: string;
  readonly serverState: string;
  readonly agentState: string;
}

/** What a second start resumes. */
export interface DevState {
  readonly trustDomain: string;
  readonly deployment: string;
  readonly clusterId?: string;
  readonly clusterVersionId?: string;
}

export function devFiles(dir: string): DevFiles {
  return {
    dir,
    agentSocket: join(dir, 'agent.sock'),
    adminSocket: join(dir, 'admin.sock'),
    lockSocket: join(dir, 'dev.sock'),
    bundle: join(dir, 'bundle.pem'),
    bootstrap: join(dir, 'bootstrap.pem'),
    clusterKey: join(dir, 'cluster.key'),
    serverConfig: join(dir, 'server.yaml'),
    agentConfig: join(dir, 'agent.yaml'),
    serverLog: join(dir, 'server.log'),
    agentLog: join(dir, 'agent.log'),
    serverState: join(dir, 'server'),
    agentState: join(dir, 'agent'),
  };
}

/** Makes the directory; others can enter it, so that programs of every user reach the agent's socket. */
export async function openDirectory(dir: string): Promise<void> {
  try {
    await makeDirectory(dir);
    const { mode } = await stat(dir);
    if ((mode & 0o111) !== 0o111) await chmod(dir, (mode & 0o7777) | 0o111);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw new SpirlError('INVALID_CONFIG', `the state directory ${dir} cannot be used: ${code}`, { cause: error });
  }
}

/** Not Node's own recursion: it calls a read-only file system ENOENT, and never ends below /proc. */
async function makeDirectory(dir: string): Promise<void> {
  const found = await stat(dir).catch((error: unknown) => (error as NodeJS.ErrnoException).code);
  if (typeof found === 'object' && found.isDirectory()) return;
  if (found === 'ENOENT' && dirname(dir) !== dir) await makeDirectory(dirname(dir));
  await mkdir(dir);
}

/** What the directory holds, with the defaults of a new one. Throws INVALID_CONFIG when the options ask for another trust domain. */
export async function readState({ dir, trustDomain, deployment }: DevOptions): Promise<DevState> {
  const stored = await storedState(join(dir, 'dev.json'));
  if (stored === undefined) return { trustDomain: trustDomain ?? 'example.org', deployment: deployment ?? 'default' };
  for (const [flag, asked, held] of [
    ['--trust-domain', trustDomain, stored.trustDomain],
    ['--deployment', deployment, stored.deployment],
  ] as const) {
    if (asked === undefined || asked === held) continue;
    throw new SpirlError(
      'INVALID_CONFIG',
      `${flag} ${asked}: ${dir} holds ${held}; give another --dir, or remove that directory to start anew`,
    );
  }
  return stored;
}

export async function writeState(dir: string, state: DevState): Promise<void> {
  await writePrivate(join(dir, 'dev.json'), `${JSON.stringify({ format: FORMAT, ...state }, null, 2)}\n`);
}

/** Replaces a file as a whole, mode 0600. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function storedState(path: string): Promise<DevState | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { format, ...state } = JSON.parse(text) as DevState & { format: unknown };
    if (format === FORMAT && typeof state.trustDomain === 'string' && typeof state.deployment === 'string')
      return state;
  } catch {
    // Falls through: not ours, or cut short.
  }
  throw new SpirlError('INVALID_CONFIG', `${path} is no state of this version: correct it or remove the directory`);
}
