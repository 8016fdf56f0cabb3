import { SpirlError, hasCode } from 'spirl-agent/runtime/errors.js';
import type { RecordStore } from '../domain/record-store.js';
import { concurrentMutation } from './concurrent-mutation.js';

const RECORD = 'operation';
const FORMAT = 1;

/** Bound of one mutation, publication included. */
export const MUTATION_LIMIT_MS = 120_000;

/** Who does what to the ring; one at a time per deployment. */
export interface OperationRecord {
  readonly format: typeof FORMAT;
  /** The same for a process and its successor after a restart, another for each replica. */
  readonly holder: string;
  readonly command: string;
  /** Milliseconds since the epoch. After it anybody may take over. */
  readonly expiresAt: number;
}

export interface ClaimRequest {
  readonly holder: string;
  readonly command: string;
  readonly now: number;
  readonly expiresAt: number;
}

/** A claim that is held. */
export interface Claim {
  /** Gives it back. One that somebody else took over after it had expired is left alone. */
  release(): Promise<void>;
}

/** Takes the operation record. Throws CONCURRENT_MUTATION at once when somebody else holds it; nothing waits here. */
export async function claimOperation(store: RecordStore, request: ClaimRequest): Promise<Claim> {
  const present = await store.read(RECORD);
  if (present !== undefined && isHeldByOther(present.value, request)) throw concurrentMutation();
  const { holder, command, expiresAt } = request;
  const record: OperationRecord = { format: FORMAT, holder, command, expiresAt };
  try {
    const version = await store.write(RECORD, record, present?.version);
    return { release: () => removeClaim(store, version) };
  } catch (error) {
    throw hasCode(error, 'VERSION_MISMATCH') ? concurrentMutation(error) : error;
  }
}

/** Clears what this holder claimed before a restart, and what has expired. False: another holder's claim is in force. */
export async function clearStaleClaim(store: RecordStore, holder: string, now: number): Promise<boolean> {
  const present = await store.read(RECORD);
  if (present === undefined) return true;
  if (isHeldByOther(present.value, { holder, now })) return false;
  await removeClaim(store, present.version);
  return true;
}

async function removeClaim(store: RecordStore, version: string): Promise<void> {
  try {
    await store.remove(RECORD, version);
  } catch (error) {
    if (!hasCode(error, 'VERSION_MISMATCH')) throw error;
  }
}

function isHeldByOther(value: unknown, { holder, now }: Pick<ClaimRequest, 'holder' | 'now'>): boolean {
  const { format, holder: other, expiresAt } = value as OperationRecord;
  if ((format as unknown) !== FORMAT) {
    throw new SpirlError(
      'STORE_CORRUPT',
      `record "${RECORD}" cannot be used: it has format version ${JSON.stringify(format)}, this server knows ${FORMAT}`,
    );
  }
  return other !== holder && expiresAt > now;
}
