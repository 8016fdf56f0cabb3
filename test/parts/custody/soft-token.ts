import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SOFT_HSM_MODULE } from '../pkcs11/soft-hsm.js';
import { softHsmScalars } from './soft-hsm-scalars.js';

/** A token of SoftHSM for programs other than this one, with a PIN that can be looked for. */
export class SoftToken {
  readonly module = SOFT_HSM_MODULE;
  readonly label = 'spirl custody';
  readonly pinPath: string;
  readonly #tokens: string;
  readonly #pin: string;
  /** For every program that is to see it. */
  readonly env: { readonly SOFTHSM2_CONF: string };

  constructor(directory: string, pin: string) {
    this.#tokens = join(directory, 'tokens');
    this.#pin = pin;
    mkdirSync(this.#tokens);
    const configuration = join(directory, 'softhsm2.conf');
    writeFileSync(configuration, `directories.tokendir = ${this.#tokens}\nlog.level = ERROR\n`);
    this.env = { SOFTHSM2_CONF: configuration };
    this.pinPath = join(directory, 'pin');
    writeFileSync(this.pinPath, pin, { mode: 0o600 });
    const init = ['--init-token', '--free', '--label', this.label, '--so-pin', '12345678', '--pin', pin];
    execFileSync('softhsm2-util', init, { env: { ...process.env, ...this.env }, stdio: 'ignore' });
  }

  /** Scalars of the private keys in it, which no PKCS#11 call gives away. */
  scalars(): readonly Buffer[] {
    return softHsmScalars(this.#tokens, this.#pin);
  }

  /** The token is pulled out. */
  async remove(): Promise<void> {
    await rename(this.#tokens, `${this.#tokens}-removed`);
    await mkdir(this.#tokens);
  }

  async insert(): Promise<void> {
    await rm(this.#tokens, { recursive: true });
    await rename(`${this.#tokens}-removed`, this.#tokens);
  }
}
