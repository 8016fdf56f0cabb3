import { randomBytes } from 'node:crypto';
import { AgentListener, type AgentListenerOptions } from '../../server-stub/src/api/agent-listener.js';
import type { Issuance } from '../../server-stub/src/api/agent-issuance.js';
import { IssuanceQueue } from '../../server-stub/src/api/agent-issuance-queue.js';
import { createAgentMethods } from '../../server-stub/src/api/agent-methods.js';
import { AgentSessionApi } from '../../server-stub/src/api/agent-session.js';
import { createAuthenticate } from '../../server-stub/src/api/authenticate.js';
import { ConnectedAgents } from '../../server-stub/src/api/bundle-sync-agents.js';
import type { ClusterView, TrustSnapshot } from '../../server-stub/src/api/cluster-states.js';
import { ClusterRegistry } from '../../server-stub/src/clusters/cluster-registry.js';
import { ClusterKeyAttestation } from '../../server-stub/src/node-attestation/cluster-key-attestation.js';
import { AGENT_SESSION_MS, createAgentCertificates } from '../../server-stub/src/session-ca/agent-certificates.js';
import { EndpointCertificates } from '../../server-stub/src/session-ca/endpoint-certificate.js';
import { SessionCa } from '../../server-stub/src/session-ca/session-ca.js';
import { serverSpiffeId } from '../../src/domain/session-identity.js';
import { SpiffeId } from '../../src/domain/spiffe-id.js';
import { type Clock, systemClock } from '../../src/runtime/clock.js';
import { SpirlError } from '../../src/runtime/errors.js';
import { statusName } from '../../src/runtime/grpc-status.js';
import { Latest } from '../../src/runtime/latest.js';
import { type Logger, silentLogger } from '../../src/runtime/logger.js';
import { UNOBSERVED } from '../../src/runtime/rpc-observer.js';
import { MemoryRecordStore } from './memory-record-store.js';
import { plainSealer } from './plain-sealer.js';

export const TRUST_DOMAIN = 'example.org';
export const DEPLOYMENT = 'tdd-test';

/** What outlives a restart of the server. */
export interface EndpointStorage {
  readonly store: MemoryRecordStore;
  readonly clock: Clock;
  readonly sessionMs: number;
  readonly limits?: NonNullable<AgentListenerOptions['limits']>;
  readonly logger: Logger;
}

export function endpointStorage(options: Partial<EndpointStorage> = {}): EndpointStorage {
  return {
    store: new MemoryRecordStore(),
    clock: systemClock,
    sessionMs: AGENT_SESSION_MS,
    logger: silentLogger,
    ...options,
  };
}

/** The agents' side of a server, whole but for what issues: that is a fake which names the user and refuses `nobody`. */
export async function startAgentsEndpoint(storage: EndpointStorage, port = 0) {
  const { store, clock, logger, sessionMs } = storage;
  const stop = new AbortController();
  const common = { store, clock, logger, trustDomain: TRUST_DOMAIN, deploymentId: DEPLOYMENT };
  const sessionCa = await SessionCa.open({ ...common, sealer: plainSealer }, stop.signal);
  const endpoint = await EndpointCertificates.open({ ...common, issuer: sessionCa, hosts: ['localhost', '127.0.0.1'] });
  const clusters = await ClusterRegistry.open(common);
  const endpointName = serverSpiffeId(TRUST_DOMAIN, DEPLOYMENT);
  const findAgent = (agentId: string) => clusters.agents.find(agentId);
  const directory = {
    find: (id: string) => clusters.find(id),
    publicKey: (id: string, version: string) => clusters.publicKey(id, version),
    findAgent,
  };
  const authenticate = createAuthenticate(directory, clock);
  const trust = new Latest<TrustSnapshot>(trustAt(1, 1, sessionCa.state.value.certificates));
  const connected = new ConnectedAgents(clock);
  const issued: Parameters<Issuance['issueX509Svid']>[1][] = [];
  const unexpected: unknown[] = [];
  const handled: string[] = [];
  const onUnexpected = (error: unknown): void => void unexpected.push(error);

  const sessions = new AgentSessionApi({
    attestation: new ClusterKeyAttestation(clusters, clock, endpointName),
    certificates: createAgentCertificates(sessionCa, TRUST_DOMAIN, sessionMs),
    agents: {
      newAgentId: () => clusters.agents.newId(),
      clusterName: (id) => clusters.require(id).name,
      recordLogin: (login, until) => clusters.recordLogin(login, until),
      recordRenewal: (id, version, until) => clusters.recordRenewal(id, version, until),
    },
    authenticate,
    sessionCa: sessionCa.state,
    ...common,
  });
  const views = new Map<string, ClusterView>();
  const view: ClusterView = { policy: { version: 1, reads: ['linux.user.name'] }, sections: {} };
  const queue = new IssuanceQueue({ clock, metrics: { issuanceRefused: () => {} } });
  const agentApi = createAgentMethods(
    { issuance: fakeIssuance(issued), authenticate, onUnexpected, queue },
    {
      trust,
      clusters: { view: (id) => views.get(id) ?? view, subscribe: () => {} },
      revocations: clusters.revocations,
      authenticate,
      agents: connected,
      ...common,
    },
  );
  const { login, renew } = sessions.methods();
  const listener = new AgentListener({
    host: '127.0.0.1',
    port,
    endpoint: endpoint.latest,
    sessionCa: sessionCa.state,
    trustDomain: TRUST_DOMAIN,
    clock,
    logger,
    ...{ login, methods: [renew, ...agentApi.methods] },
    onUnexpected,
    observer: {
      ...UNOBSERVED,
      handled: ({ method, type }, code) => void handled.push(`${type} ${method} ${statusName(code)}`),
    },
    shutdownGraceMs: 50,
    ...(storage.limits !== undefined && { limits: storage.limits }),
  });
  const address = await listener.listen();
  const running = Promise.all([listener.run(stop.signal), agentApi.run(stop.signal)]);
  return {
    port: address.port,
    listener,
    sessionCa,
    endpoint,
    clusters,
    trust,
    connected,
    issued,
    unexpected,
    /** Each ended call: type, method and outcome. */
    handled,
    /** Publishes a state with this revision of the deployment. */
    publishRevision(revision: number, epoch = 1): void {
      const state = trustAt(trust.value.version + 1, revision, sessionCa.state.value.certificates, epoch);
      trust.publish(state);
    },
    async stop(): Promise<void> {
      stop.abort();
      await running;
    },
  };
}

export type AgentsEndpoint = Awaited<ReturnType<typeof startAgentsEndpoint>>;

export function trustAt(
  version: number,
  revision: number,
  sessionCa: readonly Uint8Array[] = [],
  epoch = 1,
): TrustSnapshot {
  return {
    version,
    bundles: [
      {
        trustDomain: TRUST_DOMAIN,
        sequence: revision,
        refreshHintSeconds: 300,
        x509Authorities: [{ certificate: Buffer.from('authority') }],
        jwtAuthorities: [{ keyId: 'ks_aaaaaaaaaa', publicJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } }],
      },
    ],
    deployments: [{ deploymentId: DEPLOYMENT, epoch, revision, keysets: { ks_aaaaaaaaaa: 'ACTIVE' } }],
    sessionCa,
  };
}

function fakeIssuance(issued: Parameters<Issuance['issueX509Svid']>[1][]): Issuance {
  const identityOf = (attributes: Readonly<Record<string, readonly string[]>>): SpiffeId => {
    const user = attributes['linux.user.name']?.[0] ?? 'nobody';
    if (user === 'nobody') throw new SpirlError('NO_IDENTITY_ISSUED', 'no identity issued');
    if (user === 'busy') throw new SpirlError('KEY_SERVICE_UNAVAILABLE', 'the key service is away');
    if (user === 'broken') throw new TypeError('secret internals');
    return SpiffeId.parse(`spiffe://${TRUST_DOMAIN}/${user}`);
  };
  const keysetId = 'ks_aaaaaaaaaa';
  return {
    async issueX509Svid(_session, item) {
      issued.push(item);
      const spiffeId = identityOf(item.attributes);
      await Promise.resolve();
      return {
        spiffeId,
        chain: [Buffer.from('leaf'), Buffer.from('ca')],
        privateKey: item.csr === undefined ? Buffer.from('key') : Buffer.alloc(0),
        serial: randomBytes(8).toString('hex'),
        notBefore: 1_000,
        notAfter: 2_000,
        keysetId,
        outcome: 'o1',
        hint: '',
      };
    },
    issueJwtSvid: async (_session, { attributes, audience }) => {
      const spiffeId = identityOf(attributes);
      await Promise.resolve();
      return { spiffeId, token: `for ${audience.join()}`, issuedAt: 1_000, expiresAt: 2_000, keysetId, hint: '' };
    },
    resolveIdentity: async (_session, attributes) => {
      await Promise.resolve();
      return { spiffeId: identityOf(attributes), outcome: 'o1' };
    },
  };
}
