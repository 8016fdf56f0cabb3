import type { Clock } from 'spirl-agent/runtime/clock.js';
import { GRPC_STATUS, statusName } from 'spirl-agent/runtime/grpc-status.js';
import type { ErrorCode } from 'spirl-agent/runtime/errors.js';
import type { AgentSession } from '../domain/agent-session.js';
import type { Operator } from '../domain/operator.js';
import { AUTHENTICATION, ENTITY_MANAGEMENT, ocsfBase, type OcsfSource } from './ocsf-event.js';

/** One attempt to mint. */
export interface AuditedMint {
  readonly type: 'x509' | 'jwt';
  readonly session: AgentSession;
  /** Go's name of the gRPC code. */
  readonly code: string;
  readonly spiffeId?: string;
  readonly serial?: string;
  readonly keysetId?: string;
}

/** One step of a keyset. `Rewrapped`: of everything that the deployment keeps sealed. */
export interface AuditedKeysetStep {
  readonly operation: 'Prepared' | 'Activated' | 'Tainted' | 'Removed' | 'Retired' | 'Rewrapped';
  readonly keysetId?: string;
  /** The formerly active keyset, which an activation made PREPARED. */
  readonly replacedKeysetId?: string;
  readonly operator: Operator;
  readonly outcome: 'Done' | 'Unchanged' | 'Failed';
  readonly code?: ErrorCode;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The audit log: who got which identity, and what happened to the keysets. Never a key or a token. */
export interface Audit {
  minted(event: AuditedMint): void;
  keysetChanged(event: AuditedKeysetStep): void;
}

export const silentAudit: Audit = { minted: () => {}, keysetChanged: () => {} };

const MINTS = {
  x509: { protocol: 'SPIFFE X.509-SVID', method: '/com.spirl.agent.v1.agent.API/MintX509SVIDs' },
  jwt: { protocol: 'SPIFFE JWT-SVID', method: '/com.spirl.agent.v1.agent.API/MintJWTSVIDs' },
} as const;

/** OCSF's activities of Entity Management. */
const STEPS = {
  Prepared: { id: 1, name: 'Create' },
  Activated: { id: 10, name: 'Activate' },
  Tainted: { id: 3, name: 'Update' },
  Removed: { id: 4, name: 'Delete' },
  Retired: { id: 4, name: 'Delete' },
  Rewrapped: { id: 3, name: 'Update' },
} as const;

/** Writes each event as one line of JSON, OCSF 1.8.0. */
export function createOcsfAudit(source: OcsfSource, clock: Clock, write: (line: string) => void): Audit {
  const line = (event: object): void => write(`${JSON.stringify(event)}\n`);
  return {
    minted: (event) => line(mintEvent(source, clock.now(), event)),
    keysetChanged: (event) => line(keysetEvent(source, event)),
  };
}

function mintEvent(source: OcsfSource, time: number, event: AuditedMint): object {
  const { session, spiffeId, serial, keysetId } = event;
  const { protocol, method } = MINTS[event.type];
  const success = event.code === 'OK';
  return {
    ...ocsfBase(source, {
      class: AUTHENTICATION,
      activityId: 1,
      activityName: 'Logon',
      time,
      success,
      statusCode: success ? undefined : event.code,
      message: `${protocol} ${success ? 'minted' : 'not minted'}`,
      tags: { cluster_id: session.clusterId, cluster_version_id: session.clusterVersionId, key_set_id: keysetId },
    }),
    auth_protocol: protocol,
    auth_protocol_id: 99,
    actor: { user: { uid: session.agentId } },
    user: { name: spiffeId ?? 'unknown', ...(serial === undefined ? {} : { credential_uid: serial }) },
    service: { name: 'spirl-server' },
    api: { operation: method },
  };
}

function keysetEvent(source: OcsfSource, event: AuditedKeysetStep): object {
  const { operation, replacedKeysetId, outcome, code } = event;
  const { id, name } = STEPS[operation];
  const entity = entityOf(source, event);
  const what = `${entity.called} ${outcome === 'Failed' ? 'not ' : ''}${operation.toLowerCase()}`;
  const statusCode = code === undefined ? 'Internal' : statusName(GRPC_STATUS[code]);
  return {
    ...ocsfBase(source, {
      class: ENTITY_MANAGEMENT,
      activityId: id,
      activityName: name,
      time: event.at,
      success: outcome !== 'Failed',
      statusCode: outcome === 'Done' ? undefined : outcome === 'Unchanged' ? 'Unchanged' : statusCode,
      message: replacedKeysetId === undefined ? what : `${what} in place of ${replacedKeysetId}`,
      tags: {},
    }),
    actor: { user: { name: event.operator.name } },
    entity: { uid: entity.uid, type: entity.type },
  };
}

/** A rewrap is of all keysets of the deployment, so the deployment names it. */
function entityOf(source: OcsfSource, { operation, keysetId = 'unknown' }: AuditedKeysetStep) {
  return operation === 'Rewrapped'
    ? { uid: source.trustDomainDeploymentId, type: 'Key Ring', called: 'Key ring' }
    : { uid: keysetId, type: 'Key Set', called: 'Key set' };
}
