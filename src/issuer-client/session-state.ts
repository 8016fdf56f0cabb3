import type { SpirlError } from '../runtime/errors.js';
import type { Session } from './session.js';
import type { StateDirectory } from './state-directory.js';

const FILE = 'session.json';
const FORMAT = 1;

/** What outlives a restart: the session, and by which certificates the server is known. */
export interface PersistedSession {
  readonly session?: Session;
  /** DER. */
  readonly sessionCa: readonly Uint8Array[];
}

/** Reads what an earlier run left; nothing when it belongs to another trust domain, or the session to another cluster. */
export async function readSession(
  state: StateDirectory,
  own: { readonly trustDomain: string; readonly clusterId: string },
): Promise<PersistedSession> {
  const stored = (await state.read(FILE)) as StoredFile | undefined;
  if (stored?.format !== FORMAT || stored.trustDomain !== own.trustDomain) return { sessionCa: [] };
  const sessionCa = stored.sessionCa.map((der) => Buffer.from(der, 'base64'));
  if (stored.session === undefined || stored.session.clusterId !== own.clusterId) return { sessionCa };
  const { certificateChain, privateKey, ...rest } = stored.session;
  const session = {
    ...rest,
    certificateChain: certificateChain.map((der) => Buffer.from(der, 'base64')),
    privateKey: Buffer.from(privateKey, 'base64'),
  };
  return { session, sessionCa };
}

/** Holds the session's private key, so the file is for the agent's user only. */
export async function writeSession(
  state: StateDirectory,
  trustDomain: string,
  { session, sessionCa }: PersistedSession,
): Promise<void> {
  const stored: StoredFile = {
    format: FORMAT,
    trustDomain,
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
  readonly trustDomain: string;
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
