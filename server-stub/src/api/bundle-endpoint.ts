import type { TrustBundle } from 'spirl-agent/domain/trust-bundle.js';
import { loadDefinition } from 'spirl-agent/runtime/service-definition.js';
import { adminMethods } from './admin-caller.js';
import { trustBundleMessage } from './admin-messages.js';
import type { ServedMethod } from './rpc-methods.js';

export interface BundleEndpointOptions {
  /** The trust domain's bundle as agents get it. */
  readonly bundle: () => TrustBundle;
  /** Throws NOT_FOUND for a cluster that is not registered. */
  readonly clusters: { require(clusterId: string): unknown };
}

/** `com.spirl.api.v1.bundle.API` */
export function bundleEndpoint(options: BundleEndpointOptions): readonly ServedMethod[] {
  const definition = loadDefinition('spirl/admin/v1/bundle.proto', 'com.spirl.api.v1.bundle.API');
  return adminMethods(definition, {
    GetTrustBundle: ({ clusterId }: { clusterId: string }) => {
      options.clusters.require(clusterId);
      return trustBundleMessage(options.bundle());
    },
  });
}
