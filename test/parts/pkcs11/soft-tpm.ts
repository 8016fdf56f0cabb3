import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SlowPort } from './slow-port.js';

export const TPM2_MODULE = '/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so';
const SCRIPT = new URL('../../../../test/parts/pkcs11/soft-tpm.sh', import.meta.url).pathname;

const LABEL = 'tpm of tests';

/** A TPM in software behind tpm2-pkcs11: a slow token, as small hardware is. */
export class SoftTpm {
  readonly label = LABEL;
  readonly pin: string;
  /** By these variables the module finds the TPM and its token. */
  readonly env: Readonly<Record<string, string>>;
  /** Its commands pass here. */
  readonly wire: SlowPort;
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #control: SlowPort;

  private constructor(
    { child, directory, bus, pin }: { child: ChildProcess; directory: string; bus: string; pin: string },
    [wire, control]: readonly [SlowPort, SlowPort],
  ) {
    this.#child = child;
    this.#directory = directory;
    this.#control = control;
    this.wire = wire;
    this.pin = pin;
    this.env = {
      DBUS_SESSION_BUS_ADDRESS: bus,
      TPM2_PKCS11_TCTI: 'tabrmd:bus_type=session',
      TPM2_PKCS11_STORE: join(directory, 'store'),
    };
  }

  /** For this process; one at a time. */
  static async start(): Promise<SoftTpm> {
    const tpm = await SoftTpm.startFor('4711');
    Object.assign(process.env, tpm.env);
    return tpm;
  }

  /** For programs that are started with `env`. */
  static async startFor(pin: string): Promise<SoftTpm> {
    const directory = mkdtempSync(join(tmpdir(), 'spirl-tpm-'));
    const port = await freePorts();
    const reached = await freePorts();
    const ports = [await SlowPort.listen(reached, port), await SlowPort.listen(reached + 1, port + 1)] as const;
    const args = ['--', 'bash', SCRIPT, directory, String(port), LABEL, pin, String(reached)];
    const child = spawn('dbus-run-session', args, { stdio: ['pipe', 'pipe', 'ignore'] });
    for await (const line of createInterface({ input: child.stdout })) {
      const [, bus] = /^ready (.*)$/.exec(line) ?? [];
      if (bus !== undefined) return new SoftTpm({ child, directory, bus, pin }, ports);
    }
    throw new Error('the TPM did not start');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await ended;
    this.wire.close();
    this.#control.close();
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
