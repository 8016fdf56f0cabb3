import { createPrivateKey, createPublicKey, generateKeyPairSync, privateEncrypt, type KeyObject } from 'node:crypto';
import { SpirlError } from '../../src/runtime/errors.js';
import { derFromRaw } from '../../server-stub/src/signer/ecdsa-signature.js';
import type { KmsApi, KmsTags } from '../../server-stub/src/key-manager/aws-kms/kms-api.js';
import { signDigestRaw } from './prehashed-ecdsa.js';

interface Key {
  readonly spec: string;
  readonly privateKey: KeyObject;
  tags: KmsTags;
  state: 'enabled' | 'pending deletion';
}

const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;

/** AWS KMS in memory, with real signatures. */
export class FakeKms implements KmsApi {
  readonly keys = new Map<string, Key>();
  /** Names of the calls that were made, in order. */
  readonly calls: string[] = [];
  /** Keys that the tagging service does not list yet. */
  readonly unlisted = new Set<string>();
  /** Called before each call; what it throws is what the call throws. */
  fault: (call: string) => void = () => {};
  /** Called after each call that changed something. */
  lost: (call: string) => void = () => {};
  account = '111122223333';

  async createKey({ keySpec, tags }: { keySpec: string; tags: KmsTags }, signal: AbortSignal): Promise<string> {
    await this.#called('createKey', signal);
    const namedCurve = keySpec === 'ECC_NIST_P384' ? 'P-384' : 'P-256';
    const { privateKey: pem } = keySpec.startsWith('RSA')
      ? generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding, privateKeyEncoding })
      : generateKeyPairSync('ec', { namedCurve, publicKeyEncoding, privateKeyEncoding });
    // Not the generator's own key object: Node 20 may stand still when that is exported (see `memory-key.ts`).
    const privateKey = createPrivateKey(pem);
    const arn = `arn:aws:kms:eu-west-1:${this.account}:key/${this.keys.size + 1}`;
    this.keys.set(arn, { spec: keySpec, privateKey, tags, state: 'enabled' });
    this.lost('createKey');
    return arn;
  }

  async publicKey(arn: string, signal: AbortSignal) {
    await this.#called('publicKey', signal);
    const key = this.keys.get(arn);
    if (arn.split(':')[4] !== this.account) throw new SpirlError('KEY_SERVICE_REFUSED', `denied on ${arn}`);
    if (key?.state !== 'enabled') return undefined;
    return createPublicKey(key.privateKey).export({ type: 'spki', format: 'der' });
  }

  async sign({ arn, digest }: { arn: string; algorithm: string; digest: Uint8Array }, signal: AbortSignal) {
    await this.#called('sign', signal);
    const key = this.keys.get(arn);
    if (key?.state !== 'enabled') throw new SpirlError('KEY_SERVICE_REFUSED', `no key ${arn}`);
    return key.spec.startsWith('RSA')
      ? privateEncrypt(key.privateKey, Buffer.concat([SHA256_INFO, digest]))
      : derFromRaw(signDigestRaw(key.privateKey, digest));
  }

  async tagKey(arn: string, tags: KmsTags, signal: AbortSignal): Promise<void> {
    await this.#called('tagKey', signal);
    const key = this.keys.get(arn);
    if (key?.state === 'enabled') key.tags = { ...key.tags, ...tags };
    this.lost('tagKey');
  }

  async scheduleKeyDeletion(arn: string, signal: AbortSignal): Promise<void> {
    await this.#called('scheduleKeyDeletion', signal);
    const key = this.keys.get(arn);
    if (key !== undefined) key.state = 'pending deletion';
    this.lost('scheduleKeyDeletion');
  }

  async keysTagged(tags: KmsTags, signal: AbortSignal) {
    await this.#called('keysTagged', signal);
    const wanted = Object.entries(tags);
    return [...this.keys]
      .filter(([arn, key]) => !this.unlisted.has(arn) && wanted.every(([name, value]) => key.tags[name] === value))
      .map(([arn, key]) => ({ arn, tags: key.tags }));
  }

  async accountId(signal: AbortSignal): Promise<string> {
    await this.#called('accountId', signal);
    return this.account;
  }

  /** Keyset ids of the keys that can sign. */
  living(): string[] {
    const enabled = [...this.keys.values()].filter(({ state }) => state === 'enabled');
    return enabled.map(({ tags }) => tags['defakto-keyset-id'] ?? '').sort();
  }

  async #called(call: string, signal: AbortSignal): Promise<void> {
    this.calls.push(call);
    await Promise.resolve();
    signal.throwIfAborted();
    this.fault(call);
  }
}
