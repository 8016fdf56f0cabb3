import { Latest } from 'spirl-agent/runtime/latest.js';
import type { TrustSnapshot } from './api/cluster-states.js';
import type { DeploymentIdentity } from './config/deployment-identity.js';
import type { SigningState } from './domain/keyset.js';
import { bundleOf } from './keyset/bundle-of.js';
import type { SessionCaState } from './session-ca/session-ca.js';

/** What agents are told, made anew whenever the ring or the session CA has changed. Only committed rings get here. */
export function createTrustSnapshots(
  signing: Latest<SigningState>,
  sessionCa: Latest<SessionCaState>,
  identity: DeploymentIdentity,
  signal: AbortSignal,
): Latest<TrustSnapshot> {
  const snapshot = (version: number): TrustSnapshot => {
    const { ring } = signing.value;
    const keysets = Object.fromEntries(ring.keysets.map(({ id, state }) => [id, state]));
    const { epoch, revision } = ring;
    return {
      version,
      bundles: [bundleOf(ring, identity.trustDomain.name)],
      deployments: [{ deploymentId: identity.deploymentId, epoch, revision, keysets }],
      sessionCa: sessionCa.value.certificates,
    };
  };
  const snapshots = new Latest(snapshot(1));
  const changed = (): void => snapshots.publish(snapshot(snapshots.value.version + 1));
  signing.subscribe(changed, signal);
  sessionCa.subscribe(changed, signal);
  return snapshots;
}
