import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endsWithRun } from './leftovers.js';
import { projectRoot } from './program.js';

/** Sockets that reach an agent as different users (root only). */
export interface Users {
  readonly sockets: readonly string[];
  stop(): void;
}

let folders = 0;

/** Makes the ways of `count` local users to the agent, uids from `firstUid` on. */
export async function manyUsers(agentSocket: string, dir: string, count: number, firstUid = 30_000): Promise<Users> {
  const folder = join(dir, `u${++folders}`);
  mkdirSync(folder, { recursive: true });
  const args = ['test/scenario/uid-relay.py', agentSocket, folder, String(firstUid), String(count)];
  const relay = spawn('python3', args, { cwd: projectRoot, stdio: ['pipe', 'pipe', 'inherit'] });
  endsWithRun(relay);
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: relay.stdout }).once('line', () => resolve());
    relay.once('exit', (code) => reject(new Error(`the relay ended with ${String(code)}`)));
  });
  return {
    sockets: Array.from({ length: count }, (_, i) => join(folder, `${firstUid + i}.sock`)),
    stop: () => relay.stdin.end(),
  };
}
