import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { RecordStore, SealedRecord } from './domain/record-store.js';

/**
 * Whether this store holds anything but the deployment's name, which binds nobody to a key. Throws INVALID_CONFIG when what it
 * holds was sealed by another provider, or with another key where `kek` is given: before a key is made or a service is asked.
 */
export async function checkSealedBefore(store: RecordStore, provider: string, kek?: string): Promise<boolean> {
  const names = (await store.list('')).filter((name) => name !== 'deployment');
  for (const name of names) {
    const sealed = sealedIn((await store.read(name))?.value);
    if (sealed === undefined) continue;
    if (sealed.wrapper === provider && (kek === undefined || sealed.kek === kek)) return true;
    const configured = kek === undefined ? `"${provider}"` : `"${provider}" with key ${kek}`;
    throw new SpirlError(
      'INVALID_CONFIG',
      `record ${JSON.stringify(name)} is sealed by key wrapping provider "${sealed.wrapper}" with key ${sealed.kek}, but ` +
        `${configured} is configured; switching providers or keys of an existing deployment is not supported`,
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
