import { createPublicKey, generateKeyPairSync, privateEncrypt, randomBytes, type KeyObject } from 'node:crypto';
import { SpirlError } from '../../src/runtime/errors.js';
import type {
  KeyVaultApi,
  VaultCreateRequest,
} from '../../server-stub/src/key-manager/azure-key-vault/key-vault-api.js';
import { signDigestRaw } from './prehashed-ecdsa.js';

interface Key {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly tags: Readonly<Record<string, string>>;
  enabled: boolean;
}

const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/** An Azure Key Vault in memory, with real signatures. */
export class FakeKeyVault implements KeyVaultApi {
  readonly keys = new Map<string, Key>();
  readonly deleted = new Set<string>();
  readonly calls: string[] = [];

  async createKey({ name, kind, tags }: VaultCreateRequest, signal: AbortSignal) {
    await this.#called('createKey', signal);
    if (this.deleted.has(name)) throw new SpirlError('ALREADY_EXISTS', `${name} is deleted`);
    const privateKey =
      'curve' in kind
        ? generateKeyPairSync('ec', { namedCurve: kind.curve }).privateKey
        : generateKeyPairSync('rsa', { modulusLength: kind.rsaBits }).privateKey;
    const id = `https://v.vault.azure.net/keys/${name}/${randomBytes(16).toString('hex')}`;
    this.keys.set(name, { id, privateKey, tags, enabled: true });
    return this.#shown(name);
  }

  async listKeys(signal: AbortSignal) {
    await this.#called('listKeys', signal);
    return [...this.keys].map(([name, { enabled, tags }]) => ({ name, enabled, tags }));
  }

  async key(name: string, signal: AbortSignal) {
    await this.#called('key', signal);
    return this.keys.get(name)?.enabled === true ? this.#shown(name) : undefined;
  }

  async sign(id: string, algorithm: string, digest: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    await this.#called('sign', signal);
    const key = [...this.keys.values()].find((one) => one.id === id);
    if (key === undefined) throw new SpirlError('KEY_SERVICE_REFUSED', `no key ${id}`);
    return algorithm === 'RS256'
      ? privateEncrypt(key.privateKey, Buffer.concat([SHA256_INFO, digest]))
      : signDigestRaw(key.privateKey, digest);
  }

  async deleteKey(name: string, signal: AbortSignal): Promise<void> {
    await this.#called('deleteKey', signal);
    if (this.keys.delete(name)) this.deleted.add(name);
  }

  #shown(name: string) {
    const key = this.keys.get(name);
    if (key === undefined) throw new Error(`no key ${name}`);
    const spki = createPublicKey(key.privateKey).export({ type: 'spki', format: 'der' });
    return { name, id: key.id, spki, tags: key.tags };
  }

  async #called(call: string, signal: AbortSignal): Promise<void> {
    this.calls.push(call);
    await Promise.resolve();
    signal.throwIfAborted();
  }
}
