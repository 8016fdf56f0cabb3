import { createKeyAndRequest } from '../runtime/certificate-request.js';
import { SpirlError } from '../runtime/errors.js';
import { sessionOf } from './messages.js';
import type { NodeEvidence } from './node-evidence.js';
import { rpcError } from './rpc.js';
import type { ServerConnection } from './server-connection.js';
import { Login, Renew } from './server-methods.js';
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

/** Hello, challenge, proof, grant. Throws UNAUTHENTICATED (refused, with the server's reason), UNAVAILABLE, INVALID_CONFIG. */
export async function login(
  connection: ServerConnection,
  evidence: NodeEvidence,
  facts: AgentFacts,
  now: Now,
  signal: AbortSignal,
): Promise<Granted> {
  const { csr, privateKey } = await createKeyAndRequest();
  try {
    const stream = await connection.converse(Login, signal);
    try {
      const answers = stream.answers();
      const { clusterId, agentVersion, nodeName } = facts;
      stream.send({ hello: { clusterId, agentVersion, nodeName, csr } });
      const { challenge } = await nextAnswer(answers);
      if (!challenge) throw new SpirlError('UNAVAILABLE', 'the trust-domain server sent no challenge');
      if (challenge.endpointName !== connection.serverName) {
        throw new SpirlError('UNAUTHENTICATED', 'the challenge names another endpoint than the server certificate');
      }
      const { nonce, endpointName } = challenge;
      stream.send({ proof: await evidence.prove({ nonce, endpointName, csr }) });
      const { grant } = await nextAnswer(answers);
      if (!grant) throw new SpirlError('UNAVAILABLE', 'the trust-domain server granted no session');
      stream.end();
      return { session: sessionOf(grant, privateKey, now()), sessionCa: grant.sessionCa };
    } finally {
      stream.cancel();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw rpcError(error);
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
  const grant = await connection.unary(Renew, { csr, agentVersion }, signal);
  return { session: sessionOf(grant, privateKey, now()), sessionCa: grant.sessionCa };
}

async function nextAnswer<Answer>(answers: AsyncIterator<Answer, unknown>): Promise<Answer> {
  const next = await answers.next();
  if (next.done === true) throw new SpirlError('UNAVAILABLE', 'the trust-domain server ended the login');
  return next.value;
}
