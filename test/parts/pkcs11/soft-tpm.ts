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

interface Running {
  readonly child: ChildProcess;
  readonly directory: string;
  /** Of its resource manager. */
  readonly bus: string;
}

/** A TPM in software behind tpm2-pkcs11: a slow token, as small hardware is. */
export class SoftTpm {
  readonly label = LABEL;
  readonly pin: string;
  /** By these variables the module finds the TPM and its token. */
  readonly env: Readonly<Record<string, string>>;
  readonly #running: Running;

  private constructor(running: Running, pin: string) {
    this.#running = running;
    this.pin = pin;
    this.env = {
      DBUS_SESSION_BUS_ADDRESS: running.bus,
      TPM2_PKCS11_TCTI: 'tabrmd:bus_type=session',
      TPM2_PKCS11_STORE: join(running.directory, 'store'),
    };
  }

  /** For this process; one at a time. */
  static async start(): Promise<SoftTpm> {
    const port = await freePorts();
    const tpm = await SoftTpm.startAt(port, port, '4711');
    Object.assign(process.env, tpm.env);
    return tpm;
  }

  /**
   * For other programs, started with `env`; its commands pass through `wire`. A program that blocks this process with a call of its own
   * would wait for an answer that nobody passes on.
   */
  static async startBehindWire(
    pin: string,
  ): Promise<{ readonly tpm: SoftTpm; readonly wire: SlowPort; readonly close: () => Promise<void> }> {
    const [port, reached] = [await freePorts(), await freePorts()];
    const [wire, control] = [await SlowPort.listen(reached, port), await SlowPort.listen(reached + 1, port + 1)];
    const tpm = await SoftTpm.startAt(port, reached, pin);
    const close = async (): Promise<void> => {
      await tpm.close();
      for (const one of [wire, control]) one.close();
    };
    return { tpm, wire, close };
  }

  private static async startAt(port: number, reached: number, pin: string): Promise<SoftTpm> {
    const directory = mkdtempSync(join(tmpdir(), 'spirl-tpm-'));
    const args = ['--', 'bash', SCRIPT, directory, String(port), LABEL, pin, String(reached)];
    const child = spawn('dbus-run-session', args, { stdio: ['pipe', 'pipe', 'ignore'] });
    for await (const line of createInterface({ input: child.stdout })) {
      const [, bus] = /^ready (.*)$/.exec(line) ?? [];
      if (bus !== undefined) return new SoftTpm({ child, directory, bus }, pin);
    }
    throw new Error('the TPM did not start');
  }

  async close(): Promise<void> {
    const { child, directory } = this.#running;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin?.end();
    await ended;
    rmSync(directory, { recursive: true, force: true });
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
