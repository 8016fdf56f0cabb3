import type { Server } from '@grpc/grpc-js';
import type { TrustBundle } from 'spirl-agent/domain/trust-bundle.js';
import type { OnUnexpected } from 'spirl-agent/runtime/grpc-adapter.js';
import { loadService } from 'spirl-agent/runtime/load-proto.js';
import { adminMethod } from './admin-caller.js';
import { trustBundleMessage } from './admin-messages.js';

export interface BundleEndpointOptions {
  /** The trust domain's bundle as agents get it. */
  readonly bundle: () => TrustBundle;
  /** Throws NOT_FOUND for a cluster that is not registered. */
  readonly clusters: { require(clusterId: string): unknown };
  readonly onUnexpected: OnUnexpected;
}

/** Adds `com.spirl.api.v1.bundle.API`. */
export function addBundleEndpoint(grpc: Server, options: BundleEndpointOptions): void {
  const { definition } = loadService('spirl/admin/v1/bundle.proto', 'com.spirl.api.v1.bundle.API');
  grpc.addService(definition, {
    GetTrustBundle: adminMethod<{ clusterId: string }, object>(({ clusterId }) => {
      options.clusters.require(clusterId);
      return trustBundleMessage(options.bundle());
    }, options.onUnexpected),
  });
}
