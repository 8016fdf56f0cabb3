import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { loadDefinition } from 'spirl-agent/runtime/service-definition.js';
import type { Keyset, Ring, SigningState } from '../domain/keyset.js';
import type { Operator } from '../domain/operator.js';
import { adminMethods, type AdminMethod } from './admin-caller.js';
import {
  signingKeyMessages,
  type SvidsPerKeyset,
  type WireDeployment,
  type WireKeySetRequest,
} from './admin-messages.js';
import type { ServedMethod } from './rpc-methods.js';

/** One keyset mutation; bounded to 120 s by whoever implements it, publication included. */
type MoveKeyset = (
  keysetId: string,
  operator: Operator,
  signal: AbortSignal,
) => Promise<{ readonly ring: Ring; readonly unchanged: boolean }>;

/** The keysets of the deployment. */
export interface Keysets {
  readonly state: { readonly value: SigningState };
  /** What a mutation under way is doing, for people. */
  readonly underWay: string | undefined;
  prepare(operator: Operator, signal: AbortSignal): Promise<{ readonly keysetId: string; readonly ring: Ring }>;
  activate: MoveKeyset;
  taint: MoveKeyset;
  remove: MoveKeyset;
}

/** Puts every sealed record of the deployment under the newest version of its key-encrypting key; bounded to 120 s. */
export type Rewrap = (operator: Operator, signal: AbortSignal) => Promise<Rewrapped>;

export interface Rewrapped {
  /** Key-wrapping provider. */
  readonly provider: string;
  readonly key: string;
  readonly records: readonly { readonly name: string; readonly rewrapped: boolean }[];
}

/** Which deployment of which trust domain this server is. Durations in milliseconds. */
export interface DeploymentFacts {
  readonly trustDomain: string;
  readonly trustDomainId: string;
  readonly deploymentId: string;
  readonly deploymentName: string;
  /** Where the bundle is published for relying parties; empty: nowhere. */
  readonly bundleEndpoint: string;
  readonly serverVersion: string;
  readonly preparationThresholdMs: number;
  readonly activationThresholdMs: number;
}

export interface KeysetAdminOptions {
  readonly keysets: Keysets;
  readonly rewrap: Rewrap;
  readonly deployment: DeploymentFacts;
  readonly svidsPerKeyset: () => SvidsPerKeyset;
  readonly bundleSequence: () => number;
}

/** `com.spirl.api.v1.trustdomain.API` */
export function keysetAdmin(options: KeysetAdminOptions): readonly ServedMethod[] {
  const { keysets } = options;
  const move = (
    command: (...args: Parameters<MoveKeyset>) => ReturnType<MoveKeyset>,
  ): AdminMethod<WireKeySetRequest, object> => {
    return async (request, { operator, signal }) => {
      requireDeployment(options.deployment, request.deployment);
      const before = keysets.state.value.ring.keysets.find(({ id }) => id === request.keySetId);
      const { ring, unchanged } = await command(request.keySetId, operator, signal);
      return {
        signingKeys: signingKeyMessages(ring, options.svidsPerKeyset()),
        unchanged,
        rootStillTrusted: before !== undefined && isRootStillTrusted(before, ring),
      };
    };
  };
  const definition = loadDefinition('spirl/admin/v1/keyset.proto', 'com.spirl.api.v1.trustdomain.API');
  return adminMethods(definition, {
    TrustDomainInfo: (request: { trustDomain: string }) => info(options, request),
    TrustDomainSigningAuthorityStatus: (request: WireDeployment) => status(options, request),
    PrepareDeploymentKeySet: prepare(options),
    ActivateDeploymentKeySet: move((id, operator, signal) => keysets.activate(id, operator, signal)),
    TaintDeploymentKeySet: move((id, operator, signal) => keysets.taint(id, operator, signal)),
    RemoveDeploymentKeySet: move((id, operator, signal) => keysets.remove(id, operator, signal)),
    RewrapDeploymentKeySets: rewrap(options),
  });
}

/** Whether a keyset has left the ring while another one keeps a root of its chain in the bundle: its X.509-SVIDs go on to verify. */
function isRootStillTrusted(left: Keyset, { keysets }: Ring): boolean {
  if (keysets.some(({ id }) => id === left.id)) return false;
  return left.x509Authorities.some((root) =>
    keysets.some(({ x509Authorities }) => x509Authorities.some((other) => Buffer.compare(other, root) === 0)),
  );
}

function prepare(options: KeysetAdminOptions): AdminMethod<{ deployment: WireDeployment | null }, object> {
  return async (request, { operator, signal }) => {
    requireDeployment(options.deployment, request.deployment);
    const { keysetId, ring } = await options.keysets.prepare(operator, signal);
    return { keySetId: keysetId, signingKeys: signingKeyMessages(ring, options.svidsPerKeyset()) };
  };
}

function rewrap(options: KeysetAdminOptions): AdminMethod<{ deployment: WireDeployment | null }, Rewrapped> {
  return (request, { operator, signal }) => {
    requireDeployment(options.deployment, request.deployment);
    return options.rewrap(operator, signal);
  };
}

function info(options: KeysetAdminOptions, { trustDomain }: { trustDomain: string }): object {
  const { deployment } = options;
  requireTrustDomain(deployment.trustDomain, trustDomain || deployment.trustDomain);
  return {
    trustDomain: deployment.trustDomain,
    trustDomainId: deployment.trustDomainId,
    bundleEndpoint: deployment.bundleEndpoint,
    signingAuthorityStatuses: [statusMessage(options)],
    bundleSequence: options.bundleSequence(),
    serverVersion: deployment.serverVersion,
  };
}

function status(options: KeysetAdminOptions, { trustDomain, deploymentName }: WireDeployment): object {
  const { deployment } = options;
  requireDeployment(deployment, { trustDomain, deploymentName: deploymentName || deployment.deploymentName });
  return { signingAuthorityStatuses: [statusMessage(options)] };
}

function statusMessage({ keysets, deployment, svidsPerKeyset }: KeysetAdminOptions): object {
  const { ring } = keysets.state.value;
  const active = ring.keysets.find(({ state }) => state === 'ACTIVE');
  return {
    trustDomainDeploymentId: deployment.deploymentId,
    trustDomainDeploymentName: deployment.deploymentName,
    ...(active && {
      rotationSchedule: {
        lastRotatedAtMs: active.createdAt,
        preparationThresholdMs: deployment.preparationThresholdMs,
        activationThresholdMs: deployment.activationThresholdMs,
      },
    }),
    signingKeys: signingKeyMessages(ring, svidsPerKeyset()),
    mutationUnderWay: keysets.underWay ?? '',
  };
}

/** Throws NOT_FOUND naming what is not here. */
export function requireTrustDomain(own: string, asked: string): void {
  if (asked !== own) throw new SpirlError('NOT_FOUND', `trust domain ${quoted(asked)} not found`);
}

function requireDeployment(own: DeploymentFacts, asked: WireDeployment | null): void {
  requireTrustDomain(own.trustDomain, asked?.trustDomain ?? '');
  const name = asked?.deploymentName ?? '';
  if (name === own.deploymentName) return;
  throw new SpirlError('NOT_FOUND', `deployment ${quoted(name)} of trust domain ${own.trustDomain} not found`);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 300));
}
