import type { RecordStore, StoredRecord } from '../../server-stub/src/domain/record-store.js';
import { SpirlError } from '../../src/runtime/errors.js';

/** Records in memory, with the compare-and-swap of a real store; values make the same round trip through JSON. */
export class MemoryRecordStore implements RecordStore {
  readonly #records = new Map<string, { text: string; version: string }>();
  #count = 0;

  read(name: string): Promise<StoredRecord | undefined> {
    const record = this.#records.get(name);
    return Promise.resolve(record && { value: JSON.parse(record.text) as unknown, version: record.version });
  }

  write(name: string, value: unknown, expected: string | undefined): Promise<string> {
    return this.#ifExpected(name, expected, () => {
      const version = String(++this.#count);
      this.#records.set(name, { text: JSON.stringify(value), version });
      return version;
    });
  }

  remove(name: string, expected: string): Promise<void> {
    return this.#ifExpected(name, expected, () => void this.#records.delete(name));
  }

  list(prefix: string): Promise<readonly string[]> {
    return Promise.resolve([...this.#records.keys()].filter((name) => name.startsWith(prefix)).sort());
  }

  /** Compares and swaps without a turn of the event loop between. */
  #ifExpected<T>(name: string, expected: string | undefined, swap: () => T): Promise<T> {
    if (this.#records.get(name)?.version === expected) return Promise.resolve(swap());
    return Promise.reject(new SpirlError('VERSION_MISMATCH', `${name} has changed`));
  }
}
