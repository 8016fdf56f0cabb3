import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { canFind, canRelease, type KeyManager } from '../domain/key-manager.js';
import type { SigningKey } from '../domain/signing-key.js';
import { OpenKeyManager } from './open-key-manager.js';
import type { ExtensionSettings } from './provider.js';
import { guardedKeyManager } from './remote/guarded-key-manager.js';
import type { RemoteCalls } from './remote/remote-calls.js';

/** Opens the key manager of a place. Throws INVALID_CONFIG. */
type Open = (settings: ExtensionSettings) => Promise<KeyManager>;

interface Opening {
  readonly settings: ExtensionSettings;
  readonly opened: Promise<OpenKeyManager>;
}

/**
 * One place where keys lie, however its settings change. Its keys always sign through the key manager that is open now: one that was
 * replaced ends its sessions as soon as its calls have ended, one that was closed is opened again when it is needed.
 */
export class KeyPlace {
  readonly calls: RemoteCalls;
  readonly #open: Open;
  /** Those that it was opened with last. */
  #settings: ExtensionSettings | undefined;
  #opening: Opening | undefined;
  #manager: Promise<KeyManager> | undefined;

  constructor(open: Open, calls: RemoteCalls) {
    this.#open = open;
    this.calls = calls;
  }

  get isOpen(): boolean {
    return this.#opening !== undefined;
  }

  /**
   * Its key manager, always the same object. `present` settings replace others; `recorded` ones are those of the past, for a place that
   * was not opened yet. Throws what opening throws; then what was open before stays open.
   */
  async manager(settings: ExtensionSettings, are: 'present' | 'recorded'): Promise<KeyManager> {
    await this.#openWith(are === 'present' ? settings : (this.#settings ?? settings));
    this.#manager ??= this.#opened().then(({ manager }) => guardedKeyManager(this.#following(manager), this.calls));
    return this.#manager;
  }

  /** Ends its sessions. False: nobody had them, or somebody is at work with them. */
  async close(): Promise<boolean> {
    const opening = this.#opening;
    const opened = await opening?.opened.catch(() => undefined);
    if (opened === undefined || !opened.idle || this.#opening !== opening) return false;
    this.#opening = undefined;
    await opened.close();
    return true;
  }

  async #openWith(settings: ExtensionSettings): Promise<void> {
    const before = this.#opening;
    if (before !== undefined && canonicalJson(before.settings) === canonicalJson(settings)) {
      await before.opened;
      return;
    }
    const opening = { settings, opened: this.#open(settings).then((manager) => new OpenKeyManager(manager)) };
    this.#opening = opening;
    try {
      await opening.opened;
    } catch (error) {
      if (this.#opening === opening) this.#opening = before;
      throw error;
    }
    this.#settings = settings;
    // Whoever is at work with it ends first; nobody waits for that.
    void before?.opened.then((old) => old.close()).catch(() => {});
  }

  async #opened(): Promise<OpenKeyManager> {
    if (this.#opening === undefined && this.#settings !== undefined) await this.#openWith(this.#settings);
    const opened = await this.#opening?.opened;
    if (opened === undefined) throw new SpirlError('KEY_SERVICE_UNAVAILABLE', 'the key manager is being closed');
    return opened;
  }

  async #run<T>(work: (opened: OpenKeyManager, manager: KeyManager) => Promise<T>): Promise<T> {
    const opened = await this.#opened();
    return opened.run((manager) => work(opened, manager));
  }

  /** What `example` can, through whatever is open at the time. */
  #following(example: KeyManager): KeyManager {
    const key = (opened: OpenKeyManager, found: SigningKey): SigningKey => this.#followingKey(opened, found);
    return {
      custody: example.custody,
      createKey: (id, type, signal) =>
        this.#run(async (opened, manager) => key(opened, await manager.createKey(id, type, signal))),
      listKeys: (signal) =>
        this.#run(async (opened, manager) => (await manager.listKeys(signal)).map((found) => key(opened, found))),
      ...(canFind(example) && {
        findKey: (id: string, reference: string, signal: AbortSignal) =>
          this.#run(async (opened, manager) => {
            const found = canFind(manager) ? await manager.findKey(id, reference, signal) : undefined;
            return found && key(opened, found);
          }),
      }),
      ...(canRelease(example) && {
        releaseKey: (id: string, signal: AbortSignal, reference?: string) =>
          this.#run(async (_, manager) => {
            if (canRelease(manager)) await manager.releaseKey(id, signal, reference);
          }),
      }),
    };
  }

  /** Looked for again in each key manager that is opened after the one that `found` is of. */
  #followingKey(opened: OpenKeyManager, found: SigningKey): SigningKey {
    let held = { opened, key: found };
    const { id, type, publicKeySpki, reference } = found;
    return {
      ...{ id, type, publicKeySpki },
      ...(reference !== undefined && { reference }),
      sign: (data, signal) =>
        this.#run(async (now, manager) => {
          const present = held.opened === now ? held : { opened: now, key: await sameKey(manager, found, signal) };
          held = present;
          return present.key.sign(data, signal);
        }),
    };
  }
}

/** The key that `known` was. Throws KEY_SERVICE_REFUSED when it is gone or another. */
async function sameKey(manager: KeyManager, known: SigningKey, signal: AbortSignal): Promise<SigningKey> {
  const { id, reference, publicKeySpki } = known;
  const found =
    reference !== undefined && canFind(manager)
      ? await manager.findKey(id, reference, signal)
      : (await manager.listKeys(signal)).find((key) => key.id === id);
  if (found !== undefined && Buffer.from(found.publicKeySpki).equals(publicKeySpki)) return found;
  throw new SpirlError(
    'KEY_SERVICE_REFUSED',
    `key manager "${manager.custody}" no longer has the key of key set ${id}`,
  );
}
