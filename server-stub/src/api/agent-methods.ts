import { loadDefinition } from 'spirl-agent/runtime/service-definition.js';
import { issuanceMethods, type IssuanceMethodsParts } from './agent-issuance.js';
import { BundleSync, type BundleSyncOptions } from './bundle-sync.js';
import { createStateEncoder, type WireSyncRequest } from './messages.js';
import { codecOf, type ServedMethod } from './rpc-methods.js';

/** Bytes: some tens for each deployment and each keyset. */
const MAX_ACKNOWLEDGEMENT = 64 * 1024;

export interface AgentMethods {
  /** By path. */
  readonly methods: readonly ServedMethod[];
  /** Looks after open bundle streams until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** `com.spirl.agent.v1.agent.API`, which is served on agents' sessions only. */
export function createAgentMethods(issuance: IssuanceMethodsParts, syncing: BundleSyncOptions): AgentMethods {
  const definition = loadDefinition('spirl/agent/v1/agent.proto', 'com.spirl.agent.v1.agent.API');
  const { path, decode, encode } = codecOf<WireSyncRequest, object>(definition, 'SyncTrustBundles');
  const sync = new BundleSync(syncing, { decode, encode: createStateEncoder(encode) });
  return {
    methods: [
      ...issuanceMethods(definition, issuance),
      [path, { type: 'bidi_stream', maxRequestBytes: MAX_ACKNOWLEDGEMENT, open: (call) => sync.open(call) }],
    ],
    run: (signal) => sync.run(signal),
  };
}
