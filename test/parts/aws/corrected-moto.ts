import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../architecture/source-tree.js';
import { freePort, partFile, startPart } from '../part-process.js';

const PYTHON = 'moto/bin/python';
const INSTALLER = 'parts-aws.sh';

export interface Moto {
  readonly url: string;
  /** Access log and errors. */
  readonly output: () => string;
  readonly stop: () => Promise<void>;
  /** Runs a Python script of this folder with the emulator's address and more arguments; its output, parsed as JSON. */
  readonly run: (script: string, ...more: readonly string[]) => unknown;
  /** Signatures and permissions are checked from now on, or no longer. */
  readonly checkAccess: (checked: boolean) => Promise<void>;
}

/** moto with the corrections of this folder, on loopback. */
export async function startMoto(): Promise<Moto> {
  const python = partFile(PYTHON, INSTALLER);
  const script = (name: string): string => join(projectRoot, 'test/parts/aws', name);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ['-B', script('corrected_moto.py'), '-H', '127.0.0.1', '-p', String(port)];
  const ready = async (): Promise<boolean> => (await fetch(`${url}/moto-api/`)).ok;
  const part = await startPart(python, args, ready);
  return {
    url,
    ...part,
    run: (name, ...more) =>
      JSON.parse(execFileSync(python, ['-B', script(name), url, ...more], { encoding: 'utf8' })) as unknown,
    checkAccess: async (checked) => {
      // A form's content type would arrive as an empty body.
      const headers = { 'content-type': 'text/plain' };
      const answer = await fetch(`${url}/moto-api/reset-auth`, {
        method: 'POST',
        headers,
        body: checked ? '0' : 'inf',
      });
      if (!answer.ok) throw new Error(`reset-auth answered ${answer.status}`);
    },
  };
}
