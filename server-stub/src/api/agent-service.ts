import type { Server, ServiceDefinition } from '@grpc/grpc-js';
import { loadService } from 'spirl-agent/runtime/load-proto.js';
import type { createAgentIssuance } from './agent-issuance.js';
import type { createBundleSync } from './bundle-sync.js';
import { createStateEncoder } from './messages.js';

/** Adds `com.spirl.agent.v1.agent.API`, which is served on agents' sessions only. */
export function addAgentService(
  grpc: Server,
  issuance: ReturnType<typeof createAgentIssuance>,
  syncTrustBundles: ReturnType<typeof createBundleSync>,
): void {
  const { definition } = loadService('spirl/agent/v1/agent.proto', 'com.spirl.agent.v1.agent.API');
  const handlers = { ...issuance, SyncTrustBundles: syncTrustBundles };
  grpc.addService(encodedOnce(definition), handlers);
}

/** The bundle stream hands over states that many streams share. */
function encodedOnce(definition: ServiceDefinition): ServiceDefinition {
  const sync = definition['SyncTrustBundles'];
  if (sync === undefined) throw new Error('the API has no bundle stream');
  return {
    ...definition,
    SyncTrustBundles: { ...sync, responseSerialize: createStateEncoder(sync.responseSerialize) },
  };
}
