import { InvalidConfigError } from 'spirl-agent/runtime/problems.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { KeyManager } from '../domain/key-manager.js';
import type { KeyType } from '../domain/signing-key.js';
import { readKeyManagerSection } from './key-manager-section.js';
import { KeyPlace } from './key-place.js';
import type { ExtensionSettings, KeyManagerProvider, ProviderParts } from './provider.js';
import { KEY_MANAGER_PROVIDERS } from './providers.js';
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
  /** By custody and place: however often it is opened, a service is one. As many as were ever configured. */
  readonly #places = new Map<string, KeyPlace>();

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
    return {
      custody,
      custodySettings,
      manager: await this.#placeOf(configured).manager(custodySettings, 'present'),
      keyType,
    };
  }

  /** Who holds keys of this custody: with today's settings where the section still means the same place. Throws INVALID_CONFIG. */
  async holder({ custody, custodySettings = {} }: Custody): Promise<KeyManager> {
    if (custody === this.#parts.sealed.custody) return this.#parts.sealed;
    const provider = this.#providerOf(custody);
    const today = await this.#configured().catch(() => undefined);
    const same =
      today?.custody === custody && provider.place(today.custodySettings) === provider.place(custodySettings);
    const place = this.#placeOf({ custody, custodySettings });
    return same ? place.manager(today.custodySettings, 'present') : place.manager(custodySettings, 'recorded');
  }

  /**
   * Ends the sessions with services where neither `needed` nor the next key lies; they are opened again when they are asked. New settings
   * of the section count from now on where its service is open.
   */
  async settle(needed: readonly Custody[]): Promise<void> {
    const today = await this.#configured().catch(() => undefined);
    const present = today && this.#places.get(this.#nameOf(today));
    // What is wrong with them is told where they are needed.
    if (today && present?.isOpen) await present.manager(today.custodySettings, 'present').catch(() => {});
    const places = new Set<string>();
    for (const custody of today === undefined ? needed : [...needed, today]) {
      if (Object.hasOwn(this.#providers, custody.custody)) places.add(this.#nameOf(custody));
    }
    for (const [name, place] of this.#places) if (!places.has(name)) await this.#close(name, place);
  }

  /** Ends all sessions. */
  async close(): Promise<void> {
    for (const [name, place] of this.#places) await this.#close(name, place);
  }

  /** How it stands with each service that is open. */
  levels(): readonly KeyServiceLevels[] {
    const open = [...this.#places.values()].filter(({ isOpen }) => isOpen);
    return open.map(({ calls }) => calls.levels);
  }

  async #configured(): Promise<Required<Custody> | undefined> {
    const choice = readKeyManagerSection(this.#parts.spec(), this.#parts);
    if (choice === undefined) return undefined;
    const { name, settings } = choice;
    const provider = this.#providerOf(name);
    return { custody: name, custodySettings: (await provider.resolved?.(settings, this.#parts)) ?? settings };
  }

  #nameOf({ custody, custodySettings = {} }: Custody): string {
    return `${custody} ${this.#providerOf(custody).place(custodySettings)}`;
  }

  #placeOf(wanted: Custody): KeyPlace {
    const { custody } = wanted;
    const name = this.#nameOf(wanted);
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const { clock, metrics, random } = this.#parts;
    const { inFlight } = this.#providerOf(custody);
    const calls = new RemoteCalls({ name: custody, inFlight, clock, metrics, random });
    const place = new KeyPlace((settings) => this.#open(custody, settings), calls);
    this.#places.set(name, place);
    return place;
  }

  async #open(custody: string, settings: ExtensionSettings): Promise<KeyManager> {
    const provider = this.#providerOf(custody);
    // Those of a keyset made long ago may name what this server no longer declares.
    const problems = provider.problems(settings, '', this.#parts);
    if (problems.length > 0) throw new InvalidConfigError(`key manager ${custody}`, problems);
    const manager = await provider.open(settings, this.#parts);
    this.#parts.logger.info('Key manager opened', { keyManager: custody, place: provider.place(settings) });
    return manager;
  }

  async #close(name: string, place: KeyPlace): Promise<void> {
    if (!(await place.close())) return;
    const [keyManager = '', ...rest] = name.split(' ');
    this.#parts.logger.info('Key manager closed', { keyManager, place: rest.join(' ') });
  }

  #providerOf(custody: string): KeyManagerProvider {
    const provider = Object.hasOwn(this.#providers, custody) ? this.#providers[custody] : undefined;
    if (provider !== undefined) return provider;
    const known = ['sealed', ...Object.keys(this.#providers)].join(', ');
    throw new SpirlError('INVALID_CONFIG', `key manager ${JSON.stringify(custody)} is not one of ${known}`);
  }
}
