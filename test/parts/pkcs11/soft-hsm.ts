import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const SOFT_HSM_MODULE = '/usr/lib/softhsm/libsofthsm2.so';

/** A SoftHSM with one token in a directory of its own. One per process: the module reads its configuration once. */
export class SoftHsm {
  readonly directory = mkdtempSync(join(tmpdir(), 'spirl-softhsm-'));
  readonly configuration = join(this.directory, 'softhsm2.conf');
  readonly label: string;
  readonly pin = '4711';

  constructor(label = 'spirl tests') {
    this.label = label;
    mkdirSync(this.#tokens);
    writeFileSync(this.configuration, `directories.tokendir = ${this.#tokens}\nlog.level = ERROR\n`);
    // The module, in this process or a child, finds its tokens by this variable.
    process.env['SOFTHSM2_CONF'] = this.configuration;
    this.addToken(label);
  }

  /** One more; programs that use the module already may not see it. */
  addToken(label: string): void {
    this.#run('softhsm2-util', '--init-token', '--free', '--label', label, '--so-pin', '12345678', '--pin', this.pin);
  }

  get #tokens(): string {
    return join(this.directory, 'tokens');
  }

  /** What another program sees of the token. */
  pkcs11Tool(...args: readonly string[]): string {
    const login = ['--module', SOFT_HSM_MODULE, '--token-label', this.label, '--login', '--pin', this.pin];
    return this.#run('pkcs11-tool', ...login, ...args);
  }

  /** The token is pulled out. */
  remove(): void {
    renameSync(this.#tokens, `${this.#tokens}-removed`);
    mkdirSync(this.#tokens);
  }

  insert(): void {
    rmSync(this.#tokens, { recursive: true });
    renameSync(`${this.#tokens}-removed`, this.#tokens);
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #run(program: string, ...args: readonly string[]): string {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }
}
