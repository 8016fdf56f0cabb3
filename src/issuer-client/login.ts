import type { ClientDuplexStream } from '@grpc/grpc-js';
import { createKeyAndRequest } from '../runtime/certificate-request.js';
import { SpirlError } from '../runtime/errors.js';
import { sessionOf, type WireGrant } from './messages.js';
import type { NodeEvidence } from './node-evidence.js';
import { callUnary, rpcError } from './rpc.js';
import type { ServerConnection } from './server-connection.js';
import type { Session } from './session.js';

/** Reads the wall clock, milliseconds. */
export type Now = () => number;

/** What an agent says of itself at login. */
export interface AgentFacts {
  readonly clusterId: string;
  readonly agentVersion: string;
  readonly nodeName: string;
}

/** A session and the session CA certificates (DER) that came with it. */
export interface Granted {
  readonly session: Session;
  readonly sessionCa: readonly Uint8Array[];
}

interface LoginResponse {
  readonly challenge?: { readonly nonce: Buffer; readonly endpointName: string };
  readonly grant?: WireGrant;
}

type LoginStream = ClientDuplexStream<object, LoginResponse>;

/** Hello, challenge, proof, grant. Throws UNAUTHENTICATED (refused, with the server's reason), UNAVAILABLE, INVALID_CONFIG. */
export async function login(
  connection: ServerConnection,
  evidence: NodeEvidence,
  facts: AgentFacts,
  now: Now,
  signal: AbortSignal,
): Promise<Granted> {
  const { csr, privateKey } = await createKeyAndRequest();
  const stream = openLogin(connection);
  const stop = (): void => stream.cancel();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const answers = stream[Symbol.asyncIterator]() as AsyncIterator<LoginResponse>;
    const { clusterId, agentVersion, nodeName } = facts;
    stream.write({ hello: { clusterId, agentVersion, nodeName, csr } });
    const { challenge } = await nextAnswer(answers);
    if (!challenge) throw new SpirlError('UNAVAILABLE', 'the trust-domain server sent no challenge');
    if (challenge.endpointName !== connection.serverName) {
      throw new SpirlError('UNAUTHENTICATED', 'the challenge names another endpoint than the server certificate');
    }
    const { nonce, endpointName } = challenge;
    stream.write({ proof: await evidence.prove({ nonce, endpointName, csr }) });
    const { grant } = await nextAnswer(answers);
    if (!grant) throw new SpirlError('UNAVAILABLE', 'the trust-domain server granted no session');
    stream.end();
    return { session: sessionOf(grant, privateKey, now()), sessionCa: grant.sessionCa };
  } catch (error) {
    signal.throwIfAborted();
    throw rpcError(error);
  } finally {
    signal.removeEventListener('abort', stop);
    stream.cancel();
  }
}

/** A new certificate, with a new key, for the session of `connection`. */
export async function renew(
  connection: ServerConnection,
  agentVersion: string,
  now: Now,
  signal: AbortSignal,
): Promise<Granted> {
  const { csr, privateKey } = await createKeyAndRequest();
  const grant = await callUnary<WireGrant>(connection.sessionApi, 'Renew', { csr, agentVersion }, signal);
  return { session: sessionOf(grant, privateKey, now()), sessionCa: grant.sessionCa };
}

function openLogin(connection: ServerConnection): LoginStream {
  const open = connection.sessionApi['Login'] as unknown as () => LoginStream;
  const stream = open.call(connection.sessionApi);
  // The iterator reports the error; a late one, after it was left, is of no interest.
  stream.on('error', () => {});
  return stream;
}

async function nextAnswer(answers: AsyncIterator<LoginResponse>): Promise<LoginResponse> {
  const next = await answers.next();
  if (next.done === true) throw new SpirlError('UNAVAILABLE', 'the trust-domain server ended the login');
  return next.value;
}
