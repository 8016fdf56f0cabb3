import { createPublicKey } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import { CryptographyClient, KeyClient, type JsonWebKey, type KeyVaultKey } from '@azure/keyvault-keys';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { KeyServiceThrottled } from '../../domain/key-manager.js';
import { createAzureCredential } from './azure-credential.js';
import { answerOf, azureFailure } from './azure-failure.js';
import { FirstAlone } from './first-alone.js';

type Tags = Readonly<Record<string, string>>;

interface SigningKeyInfo {
  readonly name: string;
  /** URL with name and version. */
  readonly id: string;
  readonly spki: Uint8Array;
  readonly tags: Tags;
}

/** Keys that sign, in the hardware of one vault. */
export function createKeyVaultSigningApi(vaultUrl: string): KeyVaultSigningApi {
  return new KeyVaultSigningApi(vaultUrl, createAzureCredential());
}

const SERVICE = 'Azure Key Vault';
const ROLE = 'Key Vault Crypto Officer (to make and delete keys) and Key Vault Crypto User (to sign)';
const OPERATIONS = ['sign', 'verify'];
/** A signature is repeated by whoever knows how busy the service is; a new key never. */
const ONCE = { retryOptions: { maxRetries: 0 } };
const REPEATED = { retryOptions: { maxRetries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 } };
/** Clients of keys that are kept; a ring has at most 16 keys. */
const MAX_CLIENTS = 32;

export class KeyVaultSigningApi {
  readonly #vaultUrl: string;
  readonly #credential: TokenCredential;
  readonly #once: KeyClient;
  readonly #repeating: KeyClient;
  readonly #creations = new FirstAlone();
  readonly #clients = new Map<string, { readonly client: CryptographyClient; readonly calls: FirstAlone }>();

  constructor(vaultUrl: string, credential: TokenCredential) {
    this.#vaultUrl = vaultUrl;
    this.#credential = credential;
    this.#once = new KeyClient(vaultUrl, credential, ONCE);
    this.#repeating = new KeyClient(vaultUrl, credential, REPEATED);
  }

  async createKey(
    { name, kind, tags }: { name: string; kind: { curve: 'P-256' | 'P-384' } | { rsaBits: number }; tags: Tags },
    signal: AbortSignal,
  ): Promise<SigningKeyInfo> {
    const [type, shape] = 'curve' in kind ? ['EC-HSM', kind] : ['RSA-HSM', { keySize: kind.rsaBits }];
    const options = { ...shape, keyOps: OPERATIONS, tags: { ...tags }, abortSignal: signal };
    const key = await this.#asked('key create', name, signal, () =>
      this.#creations.run(() => this.#once.createKey(name, type, options)),
    );
    return infoOf(key);
  }

  async listKeys(signal: AbortSignal): Promise<readonly { name: string; enabled: boolean; tags: Tags }[]> {
    return this.#asked('key list', '', signal, async () => {
      const found: { name: string; enabled: boolean; tags: Tags }[] = [];
      for await (const { name, enabled = true, tags = {} } of this.#repeating.listPropertiesOfKeys({
        abortSignal: signal,
      })) {
        found.push({ name, enabled, tags });
      }
      return found;
    });
  }

  async key(name: string, signal: AbortSignal): Promise<SigningKeyInfo | undefined> {
    const key = await this.#asked('key get', name, signal, () =>
      unlessGone(() => this.#repeating.getKey(name, { abortSignal: signal })),
    );
    return key === undefined || key.properties.enabled === false ? undefined : infoOf(key);
  }

  async sign(
    id: string,
    algorithm: 'ES256' | 'ES384' | 'RS256',
    digest: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { client, calls } = this.#client(id);
    const signed = await this.#asked('sign', id, signal, () =>
      calls.run(() => client.sign(algorithm, digest, { abortSignal: signal })),
    );
    return signed.result;
  }

  async deleteKey(name: string, signal: AbortSignal): Promise<void> {
    // Not waited for: from the answer on the key signs no more, and it can be recovered for as long as the vault keeps it.
    await this.#asked('key delete', name, signal, () =>
      unlessGone(() => this.#repeating.beginDeleteKey(name, { abortSignal: signal })),
    );
  }

  /** A client for one version of a key. Told no more than its name, it asks for nothing but signatures. */
  #client(id: string): { readonly client: CryptographyClient; readonly calls: FirstAlone } {
    const known = this.#clients.get(id);
    if (known !== undefined) return known;
    const [, , name = '', version = ''] = new URL(id).pathname.split('/');
    const key: KeyVaultKey = { id, name, properties: { id, name, vaultUrl: this.#vaultUrl, version } };
    const made = { client: new CryptographyClient(key, this.#credential, ONCE), calls: new FirstAlone() };
    if (this.#clients.size >= MAX_CLIENTS) this.#clients.clear();
    this.#clients.set(id, made);
    return made;
  }

  async #asked<T>(action: string, name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const key = name.startsWith('https:') ? name : `${this.#vaultUrl}/keys/${name}`;
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const { status, code } = answerOf(error);
      if (status === 429) throw throttled(`${SERVICE} throttles ${action} with key ${key}`, error);
      if (action === 'key create' && status === 409) {
        const why = `the name is taken by a deleted key or by another one (${code ?? 'Conflict'})`;
        throw new SpirlError('ALREADY_EXISTS', `${SERVICE} cannot make key ${key}: ${why}`, { cause: error });
      }
      throw azureFailure(error, { service: SERVICE, action, key, role: ROLE });
    }
  }
}

async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (answerOf(error).status === 404) return undefined;
    throw error;
  }
}

function infoOf({ name, id, key, properties }: KeyVaultKey): SigningKeyInfo {
  if (id === undefined || key === undefined) {
    throw new SpirlError('KEY_SERVICE_UNAVAILABLE', `${SERVICE} gave an incomplete answer`);
  }
  return { name, id, spki: spkiOf(key), tags: properties.tags ?? {} };
}

/** SubjectPublicKeyInfo of the public half, DER. */
function spkiOf(key: JsonWebKey): Uint8Array {
  const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('base64url');
  const jwk =
    key.crv === undefined
      ? { kty: 'RSA', n: text(key.n), e: text(key.e) }
      : { kty: 'EC', crv: key.crv, x: text(key.x), y: text(key.y) };
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' });
}

/** The header says seconds. */
function throttled(message: string, cause: unknown): KeyServiceThrottled {
  const { response } = cause as { response?: { headers?: { get(name: string): string | undefined } } };
  const seconds = Number(response?.headers?.get('retry-after') ?? NaN);
  return new KeyServiceThrottled(message, {
    cause,
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined,
  });
}
