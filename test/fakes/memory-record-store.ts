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

  async write(name: string, value: unknown, expected: string | undefined): Promise<string> {
    await this.#expect(name, expected);
    const version = String(++this.#count);
    this.#records.set(name, { text: JSON.stringify(value), version });
    return version;
  }

  async remove(name: string, expected: string): Promise<void> {
    await this.#expect(name, expected);
    this.#records.delete(name);
  }

  list(prefix: string): Promise<readonly string[]> {
    return Promise.resolve([...this.#records.keys()].filter((name) => name.startsWith(prefix)).sort());
  }

  #expect(name: string, expected: string | undefined): Promise<void> {
    if (this.#records.get(name)?.version === expected) return Promise.resolve();
    return Promise.reject(new SpirlError('VERSION_MISMATCH', `${name} has changed`));
  }
}
