import type { Server } from '@grpc/grpc-js';
import { loadService } from 'spirl-agent/runtime/load-proto.js';
import type { createAgentIssuance } from './agent-issuance.js';
import type { createBundleSync } from './bundle-sync.js';

/** Adds `com.spirl.agent.v1.agent.API`, which is served on agents' sessions only. */
export function addAgentService(
  grpc: Server,
  issuance: ReturnType<typeof createAgentIssuance>,
  syncTrustBundles: ReturnType<typeof createBundleSync>,
): void {
  const { definition } = loadService('spirl/agent/v1/agent.proto', 'com.spirl.agent.v1.agent.API');
  const handlers = { ...issuance, SyncTrustBundles: syncTrustBundles };
  grpc.addService(definition, handlers);
}
