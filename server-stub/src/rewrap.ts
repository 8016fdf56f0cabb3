import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { Rewrap, Rewrapped } from './api/keyset-admin.js';
import type { Custody } from './custody.js';
import type { SealedRecords } from './domain/record-store.js';
import type { KeysetService } from './keyset/keyset-service.js';

/** The operator's command that follows a rotation of the key-encrypting key. `others`: what is sealed besides keysets. */
export function createRewrap(
  keysets: KeysetService,
  others: readonly SealedRecords[],
  { wrapping: { name: provider, kek: key } }: Custody,
  logger: Logger,
): Rewrap {
  return async (operator, signal) => {
    const records: Rewrapped['records'][number][] = [];
    const told = (name: string, rewrapped: boolean): void => {
      records.push({ name, rewrapped });
      logger.info(rewrapped ? 'Rewrapped sealed record' : 'Sealed record is up to date', { record: name });
    };
    logger.info('Rewrapping sealed records', { provider, key, operator: operator.name });
    await keysets.rewrap(others, told, operator, signal);
    return { provider, key, records };
  };
}
