import type { Clock } from 'spirl-agent/runtime/clock.js';
import { certificatePem } from 'spirl-agent/runtime/certificate-facts.js';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';
import { Latest } from 'spirl-agent/runtime/latest.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { RecordStore, SealedRecord, SealedRecords, Sealer } from '../domain/record-store.js';
import { livingAuthorities, SESSION_CA_LIFETIME_MS, signingAuthority, successorIsDue } from './ca-schedule.js';
import {
  createSessionAuthority,
  decodeAuthority,
  encodeAuthority,
  issueLeaf,
  type IssuedLeaf,
  type LeafRequest,
  type SessionAuthority,
} from './session-authority.js';

const RECORD = 'session-ca';
const FORMAT = 1;
/** How often it is asked whether a successor is due. */
const CHECK_EVERY_MS = 3_600_000;
/** Compare-and-swap attempts against other replicas. */
const ATTEMPTS = 5;

export interface SessionCaOptions {
  readonly store: RecordStore;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trustDomain: string;
  readonly deploymentId: string;
}

/** Everything the outside may know of the session CA. */
export interface SessionCaState {
  readonly version: number;
  /** DER, every living session CA certificate. */
  readonly certificates: readonly Buffer[];
}

/**
 * The CA by which server endpoints and agents of one deployment know each other. No keyset and no upstream has a part in it,
 * so neither a rotation nor a compromise of those cuts agents off.
 */
export class SessionCa implements SealedRecords {
  readonly state: Latest<SessionCaState>;
  readonly #options: SessionCaOptions;
  #authorities: readonly SessionAuthority[];

  private constructor(options: SessionCaOptions, authorities: readonly SessionAuthority[]) {
    this.#options = options;
    this.#authorities = authorities;
    this.state = new Latest<SessionCaState>({ version: 1, certificates: this.#certificates() });
  }

  /** Opens the sealed record, or makes the first session CA. Throws STORE_CORRUPT, STORE_FAILED, INVALID_CONFIG. */
  static async open(options: SessionCaOptions, signal: AbortSignal): Promise<SessionCa> {
    return new SessionCa(options, await loadOrExtend(options, signal));
  }

  /** Certificates an agent starts with, PEM; what `bootstrap.pem` holds. */
  bootstrapPem(): string {
    return this.state.value.certificates.map(certificatePem).join('');
  }

  /** Issues by the authority whose turn it is. Throws UNAVAILABLE when none lives. */
  async issue(request: LeafRequest): Promise<IssuedLeaf> {
    const now = this.#options.clock.now();
    const authority = signingAuthority(this.#authorities, now);
    if (authority === undefined) throw new SpirlError('UNAVAILABLE', 'the session CA has expired');
    return issueLeaf(authority, request, now);
  }

  /** Makes successors in time, for ever. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(CHECK_EVERY_MS, signal);
      try {
        await this.renewIfDue(signal);
      } catch (error) {
        logger.error('the session CA could not be renewed, will retry', { error });
      }
    }
  }

  /** Persisted first, then published; it signs only much later. */
  async renewIfDue(signal: AbortSignal): Promise<void> {
    const now = this.#options.clock.now();
    const shrunk = livingAuthorities(this.#authorities, now).length < this.#authorities.length;
    if (!successorIsDue(this.#authorities, now) && !shrunk) return;
    this.#authorities = await loadOrExtend(this.#options, signal);
    this.state.publish({ version: this.state.value.version + 1, certificates: this.#certificates() });
    this.#options.logger.info('session CA published', { certificates: this.#authorities.length });
  }

  sealedRecords(): Promise<readonly string[]> {
    return Promise.resolve([RECORD]);
  }

  async reseal(name: string, signal: AbortSignal): Promise<boolean> {
    const { store, sealer } = this.#options;
    const stored = await store.read(name);
    if (stored === undefined) throw new SpirlError('STORE_CORRUPT', `the record ${name} is missing`);
    const record = parseRecord(stored.value);
    const sealed = await sealer.reseal(record.sealed, sealContext(this.#options), signal);
    if (sealed === undefined) return false;
    await store.write(name, { ...record, sealed }, stored.version);
    return true;
  }

  #certificates(): readonly Buffer[] {
    return this.#authorities.map((ca) => Buffer.from(ca.certificate.rawData));
  }
}

/** What the store says, with a successor added and stored when one is due. */
async function loadOrExtend(options: SessionCaOptions, signal: AbortSignal): Promise<readonly SessionAuthority[]> {
  const { store, clock, trustDomain } = options;
  for (let attempt = 1; ; attempt++) {
    const now = clock.now();
    const record = await store.read(RECORD);
    if (record === undefined) await refuseWhereAgentsAreKnown(store);
    const stored = record === undefined ? [] : await openRecord(options, record.value, signal);
    const living = livingAuthorities(stored, now);
    if (!successorIsDue(living, now)) return living;
    const next = [...living, await createSessionAuthority(trustDomain, now, SESSION_CA_LIFETIME_MS)];
    try {
      await store.write(RECORD, await sealRecord(options, next, signal), record?.version);
      return next;
    } catch (error) {
      // Another replica was faster: its authority is as good.
      if (!hasCode(error, 'VERSION_MISMATCH') || attempt === ATTEMPTS) throw error;
    }
  }
}

/** A new session CA would lock out every agent that trusts the lost one, silently. */
async function refuseWhereAgentsAreKnown(store: RecordStore): Promise<void> {
  const [cluster] = await store.list('clusters/');
  if (cluster === undefined) return;
  throw new SpirlError(
    'STORE_CORRUPT',
    `record "${RECORD}" is missing, but record "${cluster}" exists: restore it, or remove the clusters and register them anew`,
  );
}

function sealContext(options: SessionCaOptions): Record<string, string> {
  return { record: RECORD, deployment: options.deploymentId, format: String(FORMAT) };
}

async function sealRecord(
  options: SessionCaOptions,
  authorities: readonly SessionAuthority[],
  signal: AbortSignal,
): Promise<{ format: number; sealed: SealedRecord }> {
  const plain = JSON.stringify(await Promise.all(authorities.map(encodeAuthority)));
  return { format: FORMAT, sealed: await options.sealer.seal(Buffer.from(plain), sealContext(options), signal) };
}

async function openRecord(options: SessionCaOptions, value: unknown, signal: AbortSignal): Promise<SessionAuthority[]> {
  const { sealed } = parseRecord(value);
  const plain = await options.sealer.open(sealed, sealContext(options), signal);
  try {
    const stored = JSON.parse(plain.toString()) as { certificate: string; privateKey: string }[];
    return await Promise.all(stored.map(decodeAuthority));
  } catch (error) {
    throw new SpirlError('STORE_CORRUPT', `the record ${RECORD} cannot be read`, { cause: error });
  }
}

function parseRecord(value: unknown): { readonly format: typeof FORMAT; readonly sealed: SealedRecord } {
  const record = value as { format?: unknown; sealed?: SealedRecord } | null;
  if (record?.format === FORMAT && record.sealed !== undefined) return { format: FORMAT, sealed: record.sealed };
  throw new SpirlError('STORE_CORRUPT', `the record ${RECORD} has an unknown format (expected format ${FORMAT})`);
}
