import { withDeadline } from 'spirl-agent/runtime/deadline.js';
import { SpirlError, hasCode } from 'spirl-agent/runtime/errors.js';
import type { Latest } from 'spirl-agent/runtime/latest.js';
import { orAbort } from 'spirl-agent/runtime/task-group.js';
import type { Keyset, Ring, SigningState } from '../domain/keyset.js';
import type { Operator } from '../domain/operator.js';
import type { SigningKey } from '../domain/signing-key.js';
import { claimOperation, MUTATION_LIMIT_MS } from './claim.js';
import { concurrentMutation } from './concurrent-mutation.js';
import { createKeyset, type NewKeyset } from './create-keyset.js';
import { applyChange, checkRoom } from './key-ring.js';
import { newKeysetId } from './keyset-id.js';
import type { KeysetEvent, KeysetParts, Publisher } from './keyset-parts.js';
import { checkStoredKeys, loadKeys } from './load-keys.js';
import { LooseKeys, type LooseKey } from './loose-keys.js';
import type { RingStore } from './ring-store.js';
import { assertClock } from './signing-time.js';
import type { KeysetCommand } from './transitions.js';

/** A claim outlives every mutation, so that only a dead holder's claim expires. */
const CLAIM_MARGIN_MS = 30_000;

export type Command = { readonly do: 'prepare' } | { readonly do: KeysetCommand; readonly keysetId: string };

/** What is to be done with the ring as it is now; `undefined`: nothing. */
export type Choose = (ring: Ring, now: number) => Command | undefined;

export interface Mutated {
  /** As committed, or as it was when nothing had to be done. */
  readonly ring: Ring;
  readonly unchanged: boolean;
  /** Of the new keyset after `prepare`. */
  readonly keysetId?: string;
}

const OPERATIONS = {
  prepare: 'Prepared',
  activate: 'Activated',
  taint: 'Tainted',
  remove: 'Removed',
  retire: 'Retired',
} as const satisfies Record<Command['do'], KeysetEvent['operation']>;

/** Changes the ring: claim, decide, outside work, commit, publish. One at a time; a second one fails at once. */
export class Mutations {
  readonly #parts: KeysetParts;
  readonly #ringStore: RingStore;
  readonly #state: Latest<SigningState>;
  readonly #publisher: Publisher;
  readonly #looseKeys: LooseKeys;
  #underWay: string | undefined;
  #latestSeen = 0;

  constructor(parts: KeysetParts, ringStore: RingStore, state: Latest<SigningState>, publisher: Publisher) {
    this.#parts = parts;
    this.#ringStore = ringStore;
    this.#state = state;
    this.#publisher = publisher;
    this.#looseKeys = new LooseKeys(parts);
  }

  /** What is being done, for people. */
  get underWay(): string | undefined {
    return this.#underWay;
  }

  /** The clock's time. To be asked at least every few minutes, as it remembers the latest: until then keys may have signed. */
  now(): number {
    const now = this.#parts.clock.now();
    this.#latestSeen = Math.max(this.#latestSeen, now);
    return now;
  }

  busy(): boolean {
    return this.#underWay !== undefined;
  }

  /** Throws CONCURRENT_MUTATION, DEADLINE_EXCEEDED and what the steps throw. A failure before the commit has changed nothing. */
  run(name: string, choose: Choose, operator: Operator, signal: AbortSignal): Promise<Mutated> {
    return this.exclusively(name, operator, (inTime) => this.#step(choose, operator, inTime), signal);
  }

  /** Does something else that no mutation may overlap with, in the same time; `tell` says how far it is. Throws as `run` does. */
  exclusively<T>(
    name: string,
    operator: Operator,
    work: (signal: AbortSignal, tell: (progress: string) => void) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const late = `${name} was not finished after ${MUTATION_LIMIT_MS / 1000} s; list shows what was done`;
    return withDeadline(
      (inTime) => this.#claimed(name, operator, work, inTime),
      MUTATION_LIMIT_MS,
      late,
      this.#parts.clock,
      signal,
    );
  }

  /** `reseal` answers whether it changed a record. Throws as `run` does. */
  async rewrap(
    reseal: (signal: AbortSignal, tell: (progress: string) => void) => Promise<boolean>,
    operator: Operator,
    signal: AbortSignal,
  ): Promise<void> {
    const audit = (result: Pick<KeysetEvent, 'outcome' | 'code'>): void => {
      this.#parts.audit.keysetChanged({ operation: 'Rewrapped', operator, at: this.#parts.clock.now(), ...result });
    };
    const work = async (inTime: AbortSignal, tell: (progress: string) => void): Promise<void> => {
      const changed = await reseal(inTime, tell).catch((error: unknown) => {
        audit({ outcome: 'Failed', ...(error instanceof SpirlError && { code: error.code }) });
        throw error;
      });
      audit({ outcome: changed ? 'Done' : 'Unchanged' });
    };
    await this.exclusively('rewrap', operator, work, signal);
  }

  async #claimed<T>(
    name: string,
    operator: Operator,
    work: (signal: AbortSignal, tell: (progress: string) => void) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    if (this.#underWay !== undefined) throw concurrentMutation();
    const what = `${name} by ${operator.name}`;
    this.#underWay = what;
    try {
      const { store, holder, clock } = this.#parts;
      const now = clock.now();
      const expiresAt = now + MUTATION_LIMIT_MS + CLAIM_MARGIN_MS;
      const claim = await claimOperation(store, { holder, command: name, now, expiresAt });
      try {
        return await work(signal, (progress) => (this.#underWay = `${what}: ${progress}`));
      } finally {
        // It expires by itself, and a restart clears it: not worth failing what was done.
        await this.#quietly('releasing the claim', () => claim.release());
      }
    } finally {
      this.#underWay = undefined;
    }
  }

  async #step(choose: Choose, operator: Operator, signal: AbortSignal): Promise<Mutated> {
    const { clock } = this.#parts;
    const before = await this.#ringStore.load();
    await checkStoredKeys(before.ring, this.#parts);
    const command = choose(before.ring, clock.now());
    if (command === undefined) return { ring: before.ring, unchanged: true };
    const { ring, made } = await this.#change(before, command, signal).catch((error: unknown) => {
      const code = error instanceof SpirlError ? { code: error.code } : {};
      this.#audit(command, operator, { outcome: 'Failed', ...code });
      throw error;
    });
    const unchanged = ring === before.ring;
    const outcome = unchanged ? 'Unchanged' : 'Done';
    this.#audit(command, operator, { outcome, ...(!unchanged && replacedBy(command, before.ring)) }, made);
    if (!unchanged) await this.#afterCommit(before.ring, ring, signal);
    return { ring, unchanged, ...(made && { keysetId: made.keyset.id }) };
  }

  /** Outside work and commit. The same ring: nothing had to be done. */
  async #change(
    { ring, version }: { readonly ring: Ring; readonly version: string },
    command: Command,
    signal: AbortSignal,
  ): Promise<{ ring: Ring; made?: NewKeyset }> {
    if (command.do !== 'prepare') {
      const next = applyChange(ring, command, this.now(), this.#latestSeen);
      // Noted before it is in no ring any more, so that whoever comes after a crash knows where it lies.
      for (const leaving of leavers(ring, next)) await this.#looseKeys.note(leaving.id, leaving, leaving.keyReference);
      if (next !== ring) await this.#commit(next, version, undefined, signal);
      return { ring: next };
    }
    const made = await this.#prepare(ring, signal);
    const { keyset } = made;
    const next = applyChange(ring, { do: 'add', keyset }, this.now());
    try {
      await this.#commit(next, version, made, signal);
    } catch (error) {
      // After a failed write the ring on disk may yet be the new one: then the key is left to the next start.
      if (!hasCode(error, 'STORE_FAILED')) await this.#release(keyset.id, { ...keyset, since: keyset.createdAt });
      throw error;
    }
    await this.#quietly(`forgetting the note of key ${keyset.id}`, () => this.#looseKeys.forget(keyset.id));
    return { ring: next, made };
  }

  async #prepare(ring: Ring, signal: AbortSignal): Promise<NewKeyset> {
    assertClock(ring, this.#parts.clock.now());
    checkRoom(ring);
    const id = newKeysetId(ring);
    const maker = await this.#parts.keyManagers.next();
    let loose = await this.#looseKeys.note(id, maker);
    const keyMade = async ({ reference }: SigningKey): Promise<void> => {
      if (reference !== undefined) loose = await this.#looseKeys.note(id, maker, reference);
    };
    const work = createKeyset({ ...this.#parts, maker, keyMade }, id, signal);
    try {
      return await orAbort(work, signal);
    } catch (error) {
      // A service that does not heed the signal may make the key later; nobody waits for that.
      const released = work
        .then(
          () => {},
          () => {},
        )
        .then(() => this.#release(id, loose));
      if (!signal.aborted) await released;
      throw error;
    }
  }

  /** From here on the change stands. Only what is committed is used. */
  async #commit(ring: Ring, version: string, made: NewKeyset | undefined, signal: AbortSignal): Promise<void> {
    const known = new Map([...this.#state.value.keys, ...(made ? [[made.keyset.id, made.keys] as const] : [])]);
    const complete = ring.keysets.every(({ id }) => known.has(id));
    const keys = complete ? known : (await loadKeys(ring, this.#parts, signal, known)).keys;
    const living = new Set(ring.keysets.map(({ id }) => id));
    signal.throwIfAborted();
    await this.#ringStore.commit(ring, version);
    this.#state.publish({
      version: this.#state.value.version + 1,
      ring,
      keys: new Map([...keys].filter(([id]) => living.has(id))),
    });
  }

  async #afterCommit(before: Ring, ring: Ring, signal: AbortSignal): Promise<void> {
    for (const left of leavers(before, ring)) await this.#release(left.id, { ...left, since: ring.writtenAt });
    await this.#publisher.published(ring.revision, signal);
  }

  async #release(id: string, loose: LooseKey): Promise<void> {
    const never = new AbortController().signal;
    await this.#quietly(`releasing key ${id}`, () => this.#looseKeys.release(id, loose, never));
  }

  async #quietly(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.logger.warn(`${what} failed; it is done later`, { error });
    }
  }

  #audit(
    command: Command,
    operator: Operator,
    result: Pick<KeysetEvent, 'outcome' | 'code' | 'replacedKeysetId'>,
    made?: NewKeyset,
  ): void {
    const keysetId = command.do === 'prepare' ? made?.keyset.id : command.keysetId;
    this.#parts.audit.keysetChanged({
      operation: OPERATIONS[command.do],
      ...(keysetId !== undefined && { keysetId }),
      operator,
      at: this.#parts.clock.now(),
      ...result,
    });
  }
}

/** An activation's other half: who steps down. */
function replacedBy(command: Command, before: Ring): { replacedKeysetId?: string } {
  if (command.do !== 'activate') return {};
  const active = before.keysets.find(({ state }) => state === 'ACTIVE');
  return active === undefined || active.id === command.keysetId ? {} : { replacedKeysetId: active.id };
}

/** Keysets that a change takes out of the ring. */
function leavers(before: Ring, after: Ring): readonly Keyset[] {
  if (after === before) return [];
  const living = new Set(after.keysets.map(({ id }) => id));
  return before.keysets.filter(({ id }) => !living.has(id));
}
