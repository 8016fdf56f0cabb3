import type { Latest } from 'spirl-agent/runtime/latest.js';
import { runTasks } from 'spirl-agent/runtime/task-group.js';
import type { Ring, SigningState } from '../domain/keyset.js';
import type { Operator } from '../domain/operator.js';
import { keepsSealed, type SealedRecords } from '../domain/record-store.js';
import { sequenceOf } from './key-ring.js';
import { checkKeysetId } from './keyset-id.js';
import type { KeysetParts, Publisher } from './keyset-parts.js';
import { checkStoredKeys, loadKeys, SEALED } from './load-keys.js';
import { runLooseKeySweeps } from './loose-key-sweeps.js';
import { LooseKeys } from './loose-keys.js';
import { Mutations } from './mutations.js';
import { tryNextKeyManager } from './next-key-manager.js';
import type { OpenedKeysets } from './open-keysets.js';
import { runRingWatch } from './ring-watch.js';
import { runRotation } from './rotation-loop.js';
import type { RotationPolicy } from './rotation-policy.js';
import { dueStep, tickMs } from './rotation-schedule.js';
import { settleKeyManagers } from './settle-key-managers.js';

const SCHEDULE: Operator = { name: 'schedule' };

export interface KeysetPrepared {
  readonly keysetId: string;
  readonly ring: Ring;
}

export interface KeysetChanged {
  readonly ring: Ring;
  /** It had been done before. */
  readonly unchanged: boolean;
}

/** The keysets of this deployment: what signs, operators' commands, and the schedule. */
export class KeysetService {
  /** What signs and what is trusted. Reading it never waits. */
  readonly state: Latest<SigningState>;
  readonly policy: RotationPolicy;
  readonly #parts: KeysetParts;
  readonly #opened: OpenedKeysets;
  readonly #mutations: Mutations;

  constructor(parts: KeysetParts, opened: OpenedKeysets, publisher: Publisher) {
    this.#parts = parts;
    this.#opened = opened;
    this.state = opened.state;
    this.policy = parts.policy;
    this.#mutations = new Mutations(parts, opened.ringStore, opened.state, publisher);
  }

  /** What a mutation under way is doing, for people. */
  get underWay(): string | undefined {
    return this.#mutations.underWay;
  }

  /** Makes a new keyset, PREPARED. */
  async prepare(operator: Operator, signal: AbortSignal): Promise<KeysetPrepared> {
    const { ring, keysetId } = await this.#mutations.run('prepare', () => ({ do: 'prepare' }), operator, signal);
    if (keysetId === undefined) throw new Error('prepare made no key set');
    return { ring, keysetId };
  }

  activate(id: string, operator: Operator, signal: AbortSignal): Promise<KeysetChanged> {
    return this.#command('activate', id, operator, signal);
  }

  taint(id: string, operator: Operator, signal: AbortSignal): Promise<KeysetChanged> {
    return this.#command('taint', id, operator, signal);
  }

  remove(id: string, operator: Operator, signal: AbortSignal): Promise<KeysetChanged> {
    return this.#command('remove', id, operator, signal);
  }

  /**
   * Seals anew, one record after the other, what ring, key manager and the rooms of `others` keep sealed. `told` gets each record's name and
   * whether it was under an older version of the KEK. A failure leaves each record whole, and repeating goes on with the rest.
   */
  async rewrap(
    others: readonly SealedRecords[],
    told: (name: string, changed: boolean) => void,
    operator: Operator,
    signal: AbortSignal,
  ): Promise<void> {
    const keyManager = await this.#parts.keyManagers.holder({ custody: SEALED });
    const rooms = [this.#opened.ringStore, ...(keepsSealed(keyManager) ? [keyManager] : []), ...others];
    const reseal = async (inTime: AbortSignal, tell: (progress: string) => void): Promise<boolean> => {
      const names = await Promise.all(rooms.map((room) => room.sealedRecords()));
      const total = names.flat().length;
      let [done, anyChanged] = [0, false];
      for (const [index, room] of rooms.entries()) {
        for (const name of names[index] ?? []) {
          tell(`${done} of ${total} sealed records`);
          const changed = await room.reseal(name, inTime);
          told(name, changed);
          anyChanged ||= changed;
          done += 1;
        }
      }
      return anyChanged;
    };
    await this.#mutations.rewrap(reseal, operator, signal);
  }

  /** Does what the schedule asks for now, one step; false when that is nothing. */
  async rotate(signal: AbortSignal): Promise<boolean> {
    const due = (ring: Ring, now: number) => dueStep(ring, this.policy, now);
    const step = due(this.state.value.ring, this.#mutations.now());
    if (step === undefined) return false;
    const { unchanged } = await this.#mutations.run(`automatic ${step.do}`, due, SCHEDULE, signal);
    return !unchanged;
  }

  /** Keeps the schedule and watches the store until `signal` aborts. */
  run(signal: AbortSignal): Promise<void> {
    const { clock, logger, keyManagers } = this.#parts;
    const rotate = (inTime: AbortSignal) => this.rotate(inTime);
    const tick = () => tickMs(this.state.value.ring, this.policy);
    const verify = (inTime: AbortSignal) => this.#verify(inTime);
    const looseKeys = new LooseKeys(this.#parts);
    const sweep = async (inTime: AbortSignal) => {
      const { ring } = await this.#opened.ringStore.load();
      await looseKeys.sweep(ring, 'settled', inTime);
    };
    return runTasks(
      [
        (s) => runRotation({ rotate, tickMs: tick, clock, logger }, s),
        (s) => runRingWatch({ verify, clock, logger }, s),
        (s) => runLooseKeySweeps({ sweep, clock, logger }, s),
        (s) => tryNextKeyManager(this.state.value.ring, this.#parts, s),
        (s) => settleKeyManagers({ keyManagers, ring: () => this.state.value.ring, clock }, s),
      ],
      signal,
    );
  }

  async #command(
    name: 'activate' | 'taint' | 'remove',
    id: string,
    operator: Operator,
    signal: AbortSignal,
  ): Promise<KeysetChanged> {
    checkKeysetId(id);
    const { ring, unchanged } = await this.#mutations.run(name, () => ({ do: name, keysetId: id }), operator, signal);
    return { ring, unchanged };
  }

  /** Throws what is wrong with the store, unless a mutation was changing it meanwhile. */
  async #verify(signal: AbortSignal): Promise<void> {
    const before = this.state.value;
    if (this.#mutations.busy()) return;
    try {
      const { ring } = await this.#opened.ringStore.load();
      await checkStoredKeys(before.ring, this.#parts);
      if (sequenceOf(ring) > sequenceOf(before.ring)) await this.#adopt(ring, before, signal);
    } catch (error) {
      if (!this.#mutations.busy() && this.state.value === before) throw error;
    }
  }

  /** A ring that was committed without this object seeing it, by another replica or by a write that seemed to fail. */
  async #adopt(ring: Ring, before: SigningState, signal: AbortSignal): Promise<void> {
    const { keys } = await loadKeys(ring, this.#parts, signal, before.keys);
    if (this.state.value === before) this.state.publish({ version: before.version + 1, ring, keys });
  }
}
