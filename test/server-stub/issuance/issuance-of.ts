import { FakeClock } from '../../fakes/fake-clock.js';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import type { AgentSession } from '../../../server-stub/src/domain/agent-session.js';
import type { Keyset, SigningState } from '../../../server-stub/src/domain/keyset.js';
import type { SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { ActiveKeysets } from '../../../server-stub/src/issuance/active-keyset.js';
import { createIssueJwtSvid } from '../../../server-stub/src/issuance/issue-jwt-svid.js';
import { createIssueX509Svid } from '../../../server-stub/src/issuance/issue-x509-svid.js';
import type { MintEvent } from '../../../server-stub/src/issuance/mint-record.js';
import { createResolveIdentity } from '../../../server-stub/src/issuance/resolve-identity.js';
import { MintWorkers } from '../../../server-stub/src/signer/mint-workers.js';
import { compilePolicy } from '../../../server-stub/src/policy/compile-policy.js';
import { createSelfSigned } from '../../../server-stub/src/upstream-authority/self-signed.js';
import { linux } from '../policy/policy-of.js';
import { forever } from '../signer/signing-keys.js';
import { DAY, NOW } from '../signer/test-ca.js';

export const session: AgentSession = {
  agentId: 'a-1',
  clusterId: 'c-1',
  clusterName: 'prod',
  clusterVersionId: 'cv-1',
  expiresAt: NOW + DAY,
};

const trustDomain = TrustDomain.parse('example.org');

/** A keyset with a self-signed CA of `ttlMs`, made at NOW. */
export async function keysetOf(id: string, key: SigningKey, state: Keyset['state'], ttlMs = 90 * DAY): Promise<Keyset> {
  const minted = await createSelfSigned({ clock: new FakeClock(NOW) }).mintCa(
    { key, keysetId: id, trustDomain, preferredTtlMs: ttlMs },
    forever,
  );
  const { notAfter: expiresAt, ...certificates } = minted;
  return { id, state, createdAt: NOW, expiresAt, custody: 'sealed', jwtPublicSpki: key.publicKeySpki, ...certificates };
}

/** A snapshot of the ring in which each keyset has its key. */
export function stateOf(version: number, keysets: readonly (readonly [Keyset, SigningKey])[]): SigningState {
  return {
    version,
    ring: { epoch: 1, revision: version, keysets: keysets.map(([keyset]) => keyset), tombstones: [], writtenAt: NOW },
    keys: new Map(keysets.map(([{ id }, key]) => [id, { x509: key, jwt: key }])),
  };
}

/** A server's minter before there is load. */
function mainThreadMinter(clock: FakeClock): MintWorkers {
  const metrics = { mintWorkerFailed: () => {} };
  return new MintWorkers({ clock, logger: silentLogger, workers: 1, crowd: () => 0, metrics });
}

/** The use cases over `source`, with a record of what they told. */
export function issuanceOver(
  source: { value: SigningState },
  spec?: unknown,
  clock = new FakeClock(NOW + 1000),
  minter: MintWorkers = mainThreadMinter(clock),
) {
  const metrics: string[] = [];
  const audit: MintEvent[] = [];
  const parts = {
    keysets: new ActiveKeysets(source, undefined, (signer) => minter.retire(signer)),
    trustDomain,
    clock,
    minter,
    policies: {
      policyOf: (clusterId: string) => {
        if (clusterId !== session.clusterId) throw new SpirlError('NOT_FOUND', 'no such cluster');
        return compilePolicy(spec, linux);
      },
    },
    metrics: {
      minted: (type: string, code: string, seconds: number) => void metrics.push(`${type} ${code} ${seconds}`),
    },
    audit: { minted: (event: MintEvent) => void audit.push(event) },
  };
  return {
    metrics,
    audit,
    clock,
    keysets: parts.keysets,
    issueX509Svid: createIssueX509Svid(parts),
    issueJwtSvid: createIssueJwtSvid(parts),
    resolveIdentity: createResolveIdentity(parts),
  };
}
