import { availableParallelism } from 'node:os';
import { runTasks } from 'spirl-agent/runtime/task-group.js';
import type { Issuance } from './api/agent-issuance.js';
import { IssuanceQueue } from './api/agent-issuance-queue.js';
import type { DeploymentIdentity } from './config/deployment-identity.js';
import { ActiveKeysets } from './issuance/active-keyset.js';
import { createIssueJwtSvid } from './issuance/issue-jwt-svid.js';
import { createIssueX509Svid } from './issuance/issue-x509-svid.js';
import { createResolveIdentity } from './issuance/resolve-identity.js';
import type { KeysetService } from './keyset/keyset-service.js';
import type { ClusterPolicies } from './policy/cluster-policies.js';
import type { ServerParts } from './server-parts.js';
import { workersFor } from './signer/mint-limits.js';
import { MintWorkers } from './signer/mint-workers.js';
import type { Audit } from './telemetry/audit.js';
import type { ServerMetrics } from './telemetry/metrics.js';

export interface MintingParts {
  readonly parts: ServerParts;
  readonly identity: DeploymentIdentity;
  readonly keysets: KeysetService;
  readonly policies: ClusterPolicies;
  readonly metrics: ServerMetrics;
  readonly audit: Audit;
}

/** The line of what agents asked for, and what issues it. */
export interface Minting {
  readonly queue: IssuanceQueue;
  readonly issuance: Issuance;
  levels(): { readonly first: number; readonly renewal: number; readonly workers: number };
  run(signal: AbortSignal): Promise<void>;
}

/** Puts the line, the use cases and the threads that mint together. */
export function openMinting({ policies, identity, keysets, metrics, audit, ...all }: MintingParts): Minting {
  const { clock, logger } = all.parts;
  const { trustDomain } = identity;
  const queue: IssuanceQueue = new IssuanceQueue({ clock, metrics, places: () => minter.places });
  const minter = new MintWorkers({
    ...{ clock, metrics },
    logger: logger.named('minting'),
    workers: workersFor(availableParallelism()),
    crowd: () => queue.size,
  });
  const active = new ActiveKeysets(keysets.state, undefined, (signer) => minter.retire(signer));
  const parts = { policies, trustDomain, metrics, audit, clock, keysets: active, minter };
  const follow = (): void => active.changed();
  return {
    queue,
    issuance: {
      issueX509Svid: createIssueX509Svid(parts),
      issueJwtSvid: createIssueJwtSvid(parts),
      resolveIdentity: createResolveIdentity({ policies, trustDomain }),
    },
    levels: () => ({ first: queue.waiting('first'), renewal: queue.waiting('renewal'), workers: minter.workers }),
    run: (signal) => {
      keysets.state.subscribe(follow, signal);
      return runTasks([(stop) => queue.run(stop), (stop) => minter.run(stop)], signal);
    },
  };
}
