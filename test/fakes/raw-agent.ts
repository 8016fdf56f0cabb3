import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import {
  Channel,
  type Client,
  type ClientDuplexStream,
  credentials,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { AgentsEndpoint } from './agents-endpoint.js';
import { TRUST_DOMAIN } from './agents-endpoint.js';
import { type ClusterKeyPair, type TestNode } from './test-agent.js';
import {
  createSessionAuthority,
  issueLeaf,
  type SessionAuthority,
} from '../../server-stub/src/session-ca/session-authority.js';
import { loginProofBytes } from '../../src/domain/login-proof.js';
import { certificatePem } from '../../src/runtime/certificate-facts.js';
import { createKeyAndRequest } from '../../src/runtime/certificate-request.js';
import { loadService } from '../../src/runtime/load-proto.js';

export interface Identity {
  readonly certificateChain: readonly Buffer[];
  readonly privateKey: Buffer;
}

/** A gRPC client with a method for each of the service. */
export type AnyClient = Client & Readonly<Record<string, (...args: never[]) => unknown>>;

/** A connection that says what a test wants it to say, by another implementation of gRPC than the agent's own. */
export interface RawConnection {
  readonly sessionApi: AnyClient;
  readonly agentApi: AnyClient;
  retire(): void;
}

export function rawConnection(server: AgentsEndpoint, identity?: Identity): RawConnection {
  const secureContext = createSecureContext({
    minVersion: 'TLSv1.3',
    ca: server.sessionCa.state.value.certificates.map(certificatePem),
    ...(identity !== undefined && {
      cert: identity.certificateChain.map(certificatePem).join(''),
      key: createPrivateKey({ key: identity.privateKey, format: 'der', type: 'pkcs8' }).export({
        format: 'pem',
        type: 'pkcs8',
      }),
    }),
  });
  const address = `127.0.0.1:${server.port}`;
  const channel = new Channel(
    address,
    credentials.createFromSecureContext(secureContext, { checkServerIdentity: () => undefined }),
    { 'grpc.ssl_target_name_override': 'spirl-server', 'grpc.use_local_subchannel_pool': 1 },
  );
  const clientOf = (service: ServiceClientConstructor): AnyClient =>
    new service(address, credentials.createInsecure(), { channelOverride: channel }) as unknown as AnyClient;
  return {
    sessionApi: clientOf(loadService('spirl/agent/v1/session.proto', 'com.spirl.agent.v1.session.API').client),
    agentApi: clientOf(loadService('spirl/agent/v1/agent.proto', 'com.spirl.agent.v1.agent.API').client),
    retire: () => channel.close(),
  };
}

/** A certificate with `uri` and its key, from `authority` (default: a CA made for it, as a company's own would be). */
export async function certificateWith(
  uri: string,
  options: { authority?: SessionAuthority; usage?: 'client' | 'server'; now?: number; lifetimeMs?: number } = {},
): Promise<Identity> {
  const { now = Date.now(), lifetimeMs = 3_600_000, usage = 'client' } = options;
  const authority = options.authority ?? (await createSessionAuthority(TRUST_DOMAIN, now, 86_400_000));
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const names = [{ type: 'url' as const, value: uri }];
  const request = { publicKeySpki: keys.publicKey, names, usage, lifetimeMs };
  const { certificate } = await issueLeaf(authority, request, now);
  return { certificateChain: [certificate], privateKey: keys.privateKey };
}

/** A unary call, as its gRPC status. */
export function callStatus(
  client: AnyClient,
  method: string,
  request: object,
): Promise<{ code: status; details: string }> {
  const call = client[method] as unknown as (request: object, done: (error: ServiceError | null) => void) => void;
  return new Promise((resolve) => {
    call.call(client, request, (error) => {
      resolve(error === null ? { code: status.OK, details: '' } : { code: error.code, details: error.details });
    });
  });
}

export interface LoginAnswer {
  readonly challenge?: { readonly nonce: Buffer; readonly endpointName: string };
  readonly grant?: { readonly agentId: string; readonly certificateChain: Buffer[] };
}

/** A login step by step. `answer` rejects with the gRPC error. */
export function rawLogin(connection: RawConnection) {
  const open = connection.sessionApi['Login'] as unknown as () => ClientDuplexStream<object, LoginAnswer>;
  const stream = open.call(connection.sessionApi);
  stream.on('error', () => {});
  const answers = stream[Symbol.asyncIterator]() as AsyncIterator<LoginAnswer>;
  return {
    send: (step: object) => void stream.write(step),
    answer: async (): Promise<LoginAnswer> => {
      const next = await answers.next();
      if (next.done === true) throw new Error('the stream ended');
      return next.value;
    },
    end: () => stream.end(),
  };
}

/** What a right login of `node` sends after the challenge, and the identity it gets. */
export async function loginSteps(node: Pick<TestNode, 'clusterId' | 'clusterVersionId'>, key: ClusterKeyPair) {
  const { csr, privateKey } = await createKeyAndRequest();
  const { clusterId, clusterVersionId } = node;
  return {
    privateKey,
    hello: { hello: { clusterId, csr, agentVersion: 'raw', nodeName: 'raw' } },
    proof: ({ nonce, endpointName }: { nonce: Buffer; endpointName: string }) => {
      const signed = loginProofBytes({ nonce, clusterVersionId, csr, endpointName });
      return { proof: { clusterVersionId, signature: sign(null, signed, key.privateKey) } };
    },
  };
}

/** Logs in by hand. */
export async function loggedIn(server: AgentsEndpoint, node: TestNode, key: ClusterKeyPair) {
  const connection = rawConnection(server);
  const login = rawLogin(connection);
  const steps = await loginSteps(node, key);
  login.send(steps.hello);
  const { challenge } = await login.answer();
  if (!challenge) throw new Error('no challenge');
  login.send(steps.proof(challenge));
  const { grant } = await login.answer();
  if (!grant) throw new Error('no grant');
  login.end();
  connection.retire();
  const identity = { certificateChain: grant.certificateChain, privateKey: steps.privateKey };
  return { agentId: grant.agentId, identity };
}
