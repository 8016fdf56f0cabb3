import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import { InvalidConfigError } from 'spirl-agent/runtime/problems.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { KeyManager } from '../domain/key-manager.js';
import type { KeyType } from '../domain/signing-key.js';
import { readKeyManagerSection } from './key-manager-section.js';
import type { ExtensionSettings, KeyManagerProvider, ProviderParts } from './provider.js';
import { KEY_MANAGER_PROVIDERS } from './providers.js';
import { guardedKeyManager } from './remote/guarded-key-manager.js';
import type { KeyServiceLevels, KeyServiceMetrics } from './remote/key-service-metrics.js';
import { RemoteCalls } from './remote/remote-calls.js';

/** Which key manager holds a key, and what it takes to reach it. */
export interface Custody {
  readonly custody: string;
  /** Of a key manager outside this process. */
  readonly custodySettings?: ExtensionSettings;
}

/** Who makes the next key, and of which type. */
export interface KeyMaker extends Custody {
  readonly manager: KeyManager;
  readonly keyType: KeyType;
}

export interface KeyManagersParts extends ProviderParts {
  /** The key manager of a deployment that configures none. */
  readonly sealed: KeyManager;
  /** `spec` of the section KeyManager that is in force now; undefined when there is none. */
  readonly spec: () => unknown;
  readonly metrics: KeyServiceMetrics;
  /** 0 to 1. */
  readonly random: () => number;
}

const SEALED_KEY_TYPE: KeyType = 'EC-P256';

/** The key managers of a deployment, each opened when it is first needed. */
export class KeyManagers {
  readonly #parts: KeyManagersParts;
  readonly #providers: Readonly<Record<string, KeyManagerProvider>>;
  /** By custody and settings. */
  readonly #open = new Map<string, Promise<KeyManager>>();
  /** By custody and place: however often it is opened, a service is one. */
  readonly #calls = new Map<string, RemoteCalls>();

  constructor(
    parts: KeyManagersParts,
    providers: Readonly<Record<string, KeyManagerProvider>> = KEY_MANAGER_PROVIDERS,
  ) {
    this.#parts = parts;
    this.#providers = providers;
  }

  /** As the section says now. Throws INVALID_CONFIG. */
  async next(): Promise<KeyMaker> {
    const { sealed } = this.#parts;
    const configured = await this.#configured();
    if (configured === undefined) return { custody: sealed.custody, manager: sealed, keyType: SEALED_KEY_TYPE };
    const { custody, custodySettings } = configured;
    const keyType = this.#providerOf(custody).keyType(custodySettings);
    return { custody, custodySettings, manager: await this.#opened(custody, custodySettings), keyType };
  }

  /** Who holds keys of this custody: with today's settings where the section still means the same place. Throws INVALID_CONFIG. */
  async holder({ custody, custodySettings = {} }: Custody): Promise<KeyManager> {
    if (custody === this.#parts.sealed.custody) return this.#parts.sealed;
    const provider = this.#providerOf(custody);
    const today = await this.#configured().catch(() => undefined);
    const same =
      today?.custody === custody && provider.place(today.custodySettings) === provider.place(custodySettings);
    return this.#opened(custody, same ? today.custodySettings : custodySettings);
  }

  /** How it stands with each service that is open. */
  levels(): readonly KeyServiceLevels[] {
    return [...this.#calls.values()].map(({ levels }) => levels);
  }

  async #configured(): Promise<Required<Custody> | undefined> {
    const choice = readKeyManagerSection(this.#parts.spec(), this.#parts);
    if (choice === undefined) return undefined;
    const { name, settings } = choice;
    const provider = this.#providerOf(name);
    return { custody: name, custodySettings: (await provider.resolved?.(settings, this.#parts)) ?? settings };
  }

  #opened(custody: string, settings: ExtensionSettings): Promise<KeyManager> {
    const key = `${custody}\0${canonicalJson(settings)}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const opening = this.#openNow(custody, settings);
    this.#open.set(key, opening);
    // What failed may work next time.
    opening.catch(() => this.#open.delete(key));
    return opening;
  }

  async #openNow(custody: string, settings: ExtensionSettings): Promise<KeyManager> {
    const provider = this.#providerOf(custody);
    // Those of a keyset made long ago may name what this server no longer declares.
    const problems = provider.problems(settings, '', this.#parts);
    if (problems.length > 0) throw new InvalidConfigError(`key manager ${custody}`, problems);
    const manager = await provider.open(settings, this.#parts);
    this.#parts.logger.info('Key manager opened', { keyManager: custody, place: provider.place(settings) });
    return guardedKeyManager(manager, this.#callsOf(custody, provider, settings));
  }

  #callsOf(custody: string, provider: KeyManagerProvider, settings: ExtensionSettings): RemoteCalls {
    const place = `${custody}\0${provider.place(settings)}`;
    const { clock, metrics, random } = this.#parts;
    const calls =
      this.#calls.get(place) ?? new RemoteCalls({ name: custody, inFlight: provider.inFlight, clock, metrics, random });
    this.#calls.set(place, calls);
    return calls;
  }

  #providerOf(custody: string): KeyManagerProvider {
    const provider = Object.hasOwn(this.#providers, custody) ? this.#providers[custody] : undefined;
    if (provider !== undefined) return provider;
    const known = ['sealed', ...Object.keys(this.#providers)].join(', ');
    throw new SpirlError('INVALID_CONFIG', `key manager ${JSON.stringify(custody)} is not one of ${known}`);
  }
}
