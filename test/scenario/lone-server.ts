import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot, runNode, type CommandResult } from './start-dev.js';

/** `spirl-server` by itself, as it runs in production, with everything of it in one directory. */
export interface LoneServer {
  readonly child: ChildProcess;
  readonly agentPort: number;
  stop(): Promise<void>;
}

const BINARY = 'server-stub/bin/spirl-server.mjs';

/** Writes `DIR/server.yaml`; `more` overrides settings. Returns its path. */
export async function writeServerConfig(dir: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const file = join(dir, 'server.yaml');
  const settings = {
    trustDomainDeployment: { trustDomainName: 'example.org', name: 'default' },
    stateDir: join(dir, 'state'),
    adminSocket: join(dir, 'admin.sock'),
    agentEndpoint: { port: 0 },
    metricsAPI: { port: 0 },
    log: { format: 'text' },
    ...more,
  };
  await writeFile(file, JSON.stringify(settings));
  return file;
}

/** Resolves when it serves. */
export async function startServer(config: string): Promise<LoneServer> {
  const child = fork(BINARY, ['run', '--config', config], {
    cwd: projectRoot,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const agentPort = await new Promise<number>((resolve, reject) => {
    child.once('message', (serving: { agentPort: number }) => resolve(serving.agentPort));
    child.once('exit', (code) => reject(new Error(`the server ended with ${String(code)}`)));
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  return { child, agentPort, stop };
}

/** A server that is expected to end by itself: how it ended, and all that it said. */
export async function refusedServer(config: string): Promise<{ code: number | null; said: string }> {
  const { code, stdout, stderr } = await runNode([BINARY, 'run', '--config', config]);
  return { code, said: stdout + stderr };
}

export function keyset(dir: string, ...args: string[]): Promise<CommandResult> {
  const where = ['--trust-domain', 'example.org', '--deployment-name', 'default'];
  return runNode(['server-stub/bin/spirlctl.mjs', 'trust-domain', 'deployment', 'keyset', ...args, ...where], {
    SPIRL_SERVER: join(dir, 'admin.sock'),
  });
}
