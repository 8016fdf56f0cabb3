import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SpirlError, type ErrorCode } from '../../../src/runtime/errors.js';
import type { FindsKeys, KeyManager, ReleasesKeys } from '../../../server-stub/src/domain/key-manager.js';
import type { KeyType, SigningKey } from '../../../server-stub/src/domain/signing-key.js';

export interface Asked {
  readonly call: number;
  readonly method: 'createKey' | 'listKeys' | 'findKey' | 'releaseKey' | 'sign';
  readonly args: readonly string[];
}

export interface Told {
  readonly call: number;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

export interface ToldKey {
  readonly id: string;
  readonly type: KeyType;
  readonly reference: string;
  /** Base64. */
  readonly spki: string;
}

/** A key manager in a process of its own: proxy and certificates are read when a process starts. */
export class KeyVaultProcess implements KeyManager, ReleasesKeys, FindsKeys {
  readonly custody = 'azureKeyVault';
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (told: Told) => void>();
  #calls = 0;

  constructor(vaultUrl: string, deploymentId: string, env: Readonly<Record<string, string>>) {
    const script = fileURLToPath(new URL('./key-vault-child.js', import.meta.url));
    this.#child = fork(script, [vaultUrl, deploymentId], { env: { ...process.env, ...env }, execArgv: [] });
    this.#child.on('message', (told: Told) => this.#waiting.get(told.call)?.(told));
  }

  async createKey(id: string, type: KeyType, signal: AbortSignal): Promise<SigningKey> {
    signal.throwIfAborted();
    return this.#key((await this.#ask('createKey', id, type)) as ToldKey);
  }

  async listKeys(): Promise<readonly SigningKey[]> {
    return ((await this.#ask('listKeys')) as readonly ToldKey[]).map((key) => this.#key(key));
  }

  async findKey(id: string, reference: string): Promise<SigningKey | undefined> {
    const found = (await this.#ask('findKey', id, reference)) as ToldKey | undefined;
    return found && this.#key(found);
  }

  async releaseKey(id: string): Promise<void> {
    await this.#ask('releaseKey', id);
  }

  stop(): void {
    this.#child.kill();
  }

  #key({ id, type, reference, spki }: ToldKey): SigningKey {
    return {
      id,
      type,
      reference,
      publicKeySpki: Buffer.from(spki, 'base64'),
      sign: async (data) =>
        Buffer.from((await this.#ask('sign', id, Buffer.from(data).toString('base64'))) as string, 'base64'),
    };
  }

  #ask(method: Asked['method'], ...args: string[]): Promise<unknown> {
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, ({ value, error }) => {
        this.#waiting.delete(call);
        if (error === undefined) resolve(value);
        else reject(new SpirlError(error.code as ErrorCode, error.message));
      });
      this.#child.send({ call, method, args } satisfies Asked);
    });
  }
}
