import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { RecordStore, SealedRecord } from './domain/record-store.js';

/**
 * Whether this store holds anything but the deployment's name, which binds nobody to a key. Throws INVALID_CONFIG when what it
 * holds was sealed by another provider than `provider`: before that one makes a key of its own, or is asked for one.
 */
export async function checkSealedBefore(store: RecordStore, provider: string): Promise<boolean> {
  const names = (await store.list('')).filter((name) => name !== 'deployment');
  for (const name of names) {
    const sealed = sealedIn((await store.read(name))?.value);
    if (sealed === undefined) continue;
    if (sealed.wrapper === provider) return true;
    throw new SpirlError(
      'INVALID_CONFIG',
      `record ${JSON.stringify(name)} is sealed by key wrapping provider "${sealed.wrapper}" with key ${sealed.kek}, but ` +
        `"${provider}" is configured; switching providers or keys of an existing deployment is not supported`,
    );
  }
  return names.length > 0;
}

/** The sealed part of a record, wherever its room put it. */
function sealedIn(value: unknown): Pick<SealedRecord, 'wrapper' | 'kek'> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { wrapper, kek, wrappedDek } = value as Partial<Record<keyof SealedRecord, unknown>>;
  if (typeof wrapper === 'string' && typeof kek === 'string' && wrappedDek !== undefined) return { wrapper, kek };
  // Sealed parts are fields of the record itself.
  return Object.values(value)
    .filter((field) => typeof field === 'object' && field !== null && 'wrappedDek' in field)
    .map(sealedIn)[0];
}
