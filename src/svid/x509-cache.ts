import { SpirlError } from '../runtime/errors.js';
import { policyPart, type PolicyPart } from './policy-part.js';
import { X509Entry, type Watcher } from './x509-entry.js';

/**
 * The entries, bounded. Those that nobody watches make room, least recently asked for first; one with streams never does.
 * After a change of what the policy reads two entries may have one key: the first is found by it, the others live until
 * their streams can follow the first.
 */
export class X509Cache {
  readonly #max: number;
  readonly #byKey = new Map<string, X509Entry>();
  /** In the order of the last first fetch. */
  readonly #all = new Set<X509Entry>();

  constructor(max: number) {
    this.#max = max;
  }
  get size(): number {
    return this.#all.size;
  }
  all(): IterableIterator<X509Entry> {
    return this.#all.values();
  }
  find(key: string): X509Entry | undefined {
    return this.#byKey.get(key);
  }
  /** Whether `entry` is still one of the cache's. */
  holds(entry: X509Entry): boolean {
    return this.#all.has(entry);
  }

  /** The entry of `part`, made if there is none. Throws LIMIT_REACHED when all entries have streams. */
  obtain(part: PolicyPart): X509Entry {
    const found = this.#byKey.get(part.key);
    if (found !== undefined) {
      this.#all.delete(found);
      this.#all.add(found);
      return found;
    }
    if (this.#all.size >= this.#max) this.#makeRoom();
    const entry = new X509Entry(part);
    this.#file(entry);
    return entry;
  }

  remove(entry: X509Entry): void {
    this.#all.delete(entry);
    if (this.#byKey.get(entry.part.key) === entry) this.#byKey.delete(entry.part.key);
  }

  /**
   * Files everything under what another policy reads. An entry whose streams now differ is split, each part with the SVID that
   * they all have had so far. Entries that nobody watches go: the attributes that the policy reads now are not known of them.
   */
  refile(reads: readonly string[]): void {
    const old = [...this.#all];
    this.#all.clear();
    this.#byKey.clear();
    for (const entry of old) {
      const groups = groupByPart(entry.watchers, reads);
      const [first, ...others] = groups;
      // The answer of a mint for the old attributes is nobody's any more.
      entry.flight = undefined;
      if (first === undefined) continue;
      entry.part = first.part;
      this.#file(entry);
      for (const { part, watchers } of others) this.#split(entry, part, watchers);
    }
  }

  #split(entry: X509Entry, part: PolicyPart, watchers: readonly Watcher[]): void {
    const sibling = new X509Entry(part);
    sibling.held = entry.held;
    sibling.context = entry.context;
    sibling.askedAt = entry.askedAt;
    for (const watcher of watchers) sibling.adopt(watcher);
    this.#file(sibling);
  }

  #file(entry: X509Entry): void {
    this.#all.add(entry);
    if (!this.#byKey.has(entry.part.key)) this.#byKey.set(entry.part.key, entry);
  }

  #makeRoom(): void {
    for (const entry of this.#all) {
      if (entry.watchers.size > 0 || entry.flight !== undefined) continue;
      this.remove(entry);
      return;
    }
    throw new SpirlError('LIMIT_REACHED', `this agent already serves ${this.#max} identities`);
  }
}

/** The key part of a watcher under `reads`. */
export function partOf(watcher: Pick<Watcher, 'attributes' | 'suffix'>, reads: readonly string[]): PolicyPart {
  const { attributes, key } = policyPart(watcher.attributes, reads);
  return { attributes, key: key + watcher.suffix };
}

function groupByPart(
  watchers: Iterable<Watcher>,
  reads: readonly string[],
): readonly { part: PolicyPart; watchers: Watcher[] }[] {
  const groups = new Map<string, { part: PolicyPart; watchers: Watcher[] }>();
  for (const watcher of watchers) {
    const part = partOf(watcher, reads);
    const group = groups.get(part.key);
    if (group === undefined) groups.set(part.key, { part, watchers: [watcher] });
    else group.watchers.push(watcher);
  }
  return [...groups.values()];
}
