import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeTlsIdentity } from '../../fakes/tls-identity.js';
import { SOFT_HSM_MODULE, type SoftHsm } from './soft-hsm.js';

const PROGRAM = new URL('../../../../deploy/examples/key-manager-webhook-pkcs11/bridge.mjs', import.meta.url).pathname;

/** The reference bridge as a process, over a token of SoftHSM. */
export class Bridge {
  readonly url: string;
  readonly ca: string;
  readonly token = 'token-of-the-bridge';
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(url: string, ca: string, child: ChildProcess, directory: string) {
    this.url = url;
    this.ca = ca;
    this.#child = child;
    this.#directory = directory;
  }

  static async start(hsm: SoftHsm, settings: Record<string, string> = {}): Promise<Bridge> {
    const identity = await makeTlsIdentity();
    const directory = mkdtempSync(join(tmpdir(), 'spirl-bridge-'));
    const file = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text, { mode: 0o600 });
      return join(directory, name);
    };
    const env = {
      ...process.env,
      SOFTHSM2_CONF: hsm.configuration,
      PKCS11_MODULE: SOFT_HSM_MODULE,
      PKCS11_TOKEN_LABEL: hsm.label,
      PKCS11_PIN_FILE: file('pin', hsm.pin),
      BEARER_TOKEN_FILE: file('token', 'token-of-the-bridge'),
      TLS_CERT_FILE: file('tls.crt', identity.cert),
      TLS_KEY_FILE: file('tls.key', identity.key),
      PORT: '0',
      ...settings,
    };
    const child = spawn(process.execPath, [PROGRAM], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: child.stdout })) {
      const [, url] = /^listening on (https:.*)$/.exec(line) ?? [];
      if (url !== undefined) return new Bridge(url, identity.ca, child, directory);
    }
    throw new Error('the bridge did not start');
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
