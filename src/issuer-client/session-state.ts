import type { SpirlError } from '../runtime/errors.js';
import type { Session } from './session.js';
import type { StateDirectory } from './state-directory.js';

const FILE = 'session.json';
const FORMAT = 1;

/** What outlives a restart: the session, and by which certificates the server is known. */
export interface PersistedSession {
  readonly session?: Session;
  /** Learned at the first login; a server of another one is refused from then on. */
  readonly trustDomain?: string;
  /** DER. */
  readonly sessionCa: readonly Uint8Array[];
}

/** Reads what an earlier run left; nothing when that was for another cluster. */
export async function readSession(state: StateDirectory, clusterId: string): Promise<PersistedSession> {
  return (await state.read(FILE, (stored) => decode(stored as StoredFile, clusterId))) ?? { sessionCa: [] };
}

function decode(stored: StoredFile, clusterId: string): PersistedSession {
  if (stored.format !== FORMAT || stored.clusterId !== clusterId) return { sessionCa: [] };
  const { trustDomain } = stored;
  const known = {
    sessionCa: stored.sessionCa.map((der) => Buffer.from(der, 'base64')),
    ...(trustDomain !== undefined && { trustDomain }),
  };
  if (stored.session === undefined) return known;
  const { certificateChain, privateKey, ...rest } = stored.session;
  const session = {
    ...rest,
    certificateChain: certificateChain.map((der) => Buffer.from(der, 'base64')),
    privateKey: Buffer.from(privateKey, 'base64'),
  };
  return { ...known, session };
}

/** Holds the session's private key, so the file is for the agent's user only. */
export async function writeSession(
  state: StateDirectory,
  clusterId: string,
  { session, sessionCa, trustDomain }: PersistedSession,
): Promise<void> {
  const stored: StoredFile = {
    format: FORMAT,
    clusterId,
    ...(trustDomain !== undefined && { trustDomain }),
    sessionCa: sessionCa.map(base64),
    ...(session !== undefined && {
      session: {
        ...session,
        certificateChain: session.certificateChain.map(base64),
        privateKey: base64(session.privateKey),
      },
    }),
  };
  await state.write(FILE, stored);
}

interface StoredFile {
  readonly format: number;
  readonly clusterId: string;
  readonly trustDomain?: string;
  readonly sessionCa: readonly string[];
  readonly session?: Omit<Session, 'certificateChain' | 'privateKey'> & {
    readonly certificateChain: readonly string[];
    readonly privateKey: string;
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** Where an agent stands with its server. */
export interface SessionStatus<Connection> {
  readonly version: number;
  /** Usable now. */
  readonly connection?: Connection;
  /** Why there is none; absent while the first attempt is under way. */
  readonly failure?: SpirlError;
}
