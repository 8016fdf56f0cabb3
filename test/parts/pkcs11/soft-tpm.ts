import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const TPM2_MODULE = '/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so';
const SCRIPT = new URL('../../../../test/parts/pkcs11/soft-tpm.sh', import.meta.url).pathname;

/** A TPM in software behind tpm2-pkcs11: a slow token, as small hardware is. One per process. */
export class SoftTpm {
  readonly label = 'tpm of tests';
  readonly pin = '4711';
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child;
    this.#directory = directory;
  }

  static async start(): Promise<SoftTpm> {
    const directory = mkdtempSync(join(tmpdir(), 'spirl-tpm-'));
    const args = ['--', 'bash', SCRIPT, directory, String(await freePorts()), 'tpm of tests', '4711'];
    const child = spawn('dbus-run-session', args, { stdio: ['pipe', 'pipe', 'ignore'] });
    for await (const line of createInterface({ input: child.stdout })) {
      const [, bus] = /^ready (.*)$/.exec(line) ?? [];
      if (bus === undefined) continue;
      // The module, in this process, finds the TPM and its token by these variables.
      Object.assign(process.env, {
        DBUS_SESSION_BUS_ADDRESS: bus,
        TPM2_PKCS11_TCTI: 'tabrmd:bus_type=session',
        TPM2_PKCS11_STORE: join(directory, 'store'),
      });
      return new SoftTpm(child, directory);
    }
    throw new Error('the TPM did not start');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The first of two free ports in a row. */
async function freePorts(): Promise<number> {
  for (;;) {
    const first = await portFreeAt(0);
    if (first !== undefined && (await portFreeAt(first + 1)) !== undefined) return first;
  }
}

async function portFreeAt(wanted: number): Promise<number | undefined> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(wanted, '127.0.0.1', () => resolve(true));
  });
  if (!listening) return undefined;
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
