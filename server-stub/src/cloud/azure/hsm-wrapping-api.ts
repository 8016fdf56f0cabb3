import type { TokenCredential } from '@azure/identity';
import { CryptographyClient, KeyClient, type KeyVaultKey } from '@azure/keyvault-keys';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { createAzureCredential } from './azure-credential.js';
import { answerOf, azureFailure } from './azure-failure.js';
import { FirstAlone } from './first-alone.js';

export interface HsmWrappingOptions {
  /** `https://<name>.managedhsm.azure.net` */
  readonly vaultUrl: string;
  readonly keyName: string;
}

interface Encrypted {
  readonly ciphertext: Uint8Array;
  readonly iv: Uint8Array;
  readonly tag: Uint8Array;
}

const ALGORITHM = 'A256GCM';
const ROLE = 'Managed HSM Crypto User';
const CLIENT_OPTIONS = { retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 } };
/** Clients of key versions that are kept; each begins with a question for the token it needs. */
const MAX_CLIENTS = 16;

/** key get, encrypt and decrypt with one AES key of a Managed HSM; nothing else is ever asked of it. */
export function createHsmWrappingApi(options: HsmWrappingOptions): HsmWrappingApi {
  return new HsmWrappingApi(options, createAzureCredential());
}

export class HsmWrappingApi {
  readonly #options: HsmWrappingOptions;
  readonly #credential: TokenCredential;
  readonly #keys: KeyClient;
  readonly #clients = new Map<string, { readonly client: CryptographyClient; readonly calls: FirstAlone }>();

  constructor(options: HsmWrappingOptions, credential: TokenCredential) {
    this.#options = options;
    this.#credential = credential;
    this.#keys = new KeyClient(options.vaultUrl, credential, CLIENT_OPTIONS);
  }

  async getKey(version: string | undefined, signal: AbortSignal) {
    return this.#asked('key get', version, signal, async () => {
      const options = { abortSignal: signal, ...(version !== undefined && { version }) };
      const key = await this.#keys.getKey(this.#options.keyName, options);
      return {
        version: required(key.properties.version),
        type: required(key.keyType),
        operations: key.keyOperations ?? [],
        enabled: key.properties.enabled ?? true,
      };
    });
  }

  async encrypt(version: string, plaintext: Uint8Array, aad: Uint8Array, signal: AbortSignal): Promise<Encrypted> {
    return this.#asked('encrypt', version, signal, async () => {
      const parameters = { algorithm: ALGORITHM, plaintext, additionalAuthenticatedData: aad } as const;
      const { client, calls } = this.#client(version);
      const answer = await calls.run(() => client.encrypt(parameters, { abortSignal: signal }));
      const { result, iv, authenticationTag } = answer;
      return { ciphertext: result, iv: required(iv), tag: required(authenticationTag) };
    });
  }

  async decrypt(
    version: string,
    { ciphertext, iv, tag }: Encrypted,
    aad: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#asked('decrypt', version, signal, async () => {
      const bytes = { ciphertext, iv, authenticationTag: tag, additionalAuthenticatedData: aad };
      const parameters = { algorithm: ALGORITHM, ...bytes } as const;
      const { client, calls } = this.#client(version);
      return (await calls.run(() => client.decrypt(parameters, { abortSignal: signal }))).result;
    });
  }

  /** A client for one version. Told no more than its name, it asks for nothing but what it is used for. */
  #client(version: string): { readonly client: CryptographyClient; readonly calls: FirstAlone } {
    const known = this.#clients.get(version);
    if (known !== undefined) return known;
    const { vaultUrl, keyName: name } = this.#options;
    const id = `${vaultUrl}/keys/${name}/${version}`;
    const key: KeyVaultKey = { id, name, properties: { id, name, vaultUrl, version } };
    const client = new CryptographyClient(key, this.#credential, { ...CLIENT_OPTIONS });
    const made = { client, calls: new FirstAlone() };
    if (this.#clients.size >= MAX_CLIENTS) this.#clients.clear();
    this.#clients.set(version, made);
    return made;
  }

  async #asked<T>(
    action: string,
    version: string | undefined,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    const { vaultUrl, keyName } = this.#options;
    const key = `${vaultUrl}/keys/${keyName}${version === undefined ? '' : `/${version}`}`;
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (action === 'decrypt' && answerOf(error).status === 400) {
        throw new SpirlError(
          'STORE_CORRUPT',
          `Azure Managed HSM cannot unwrap a data key with key ${key}: it was changed, or belongs elsewhere`,
          { cause: error },
        );
      }
      throw azureFailure(error, { service: 'Azure Managed HSM', action, key, role: ROLE });
    }
  }
}

function required<T>(part: T | undefined): T {
  if (part === undefined)
    throw new SpirlError('KEY_SERVICE_UNAVAILABLE', 'Azure Managed HSM gave an incomplete answer');
  return part;
}
