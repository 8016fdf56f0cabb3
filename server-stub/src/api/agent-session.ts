import type { Server } from '@grpc/grpc-js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { withDeadline } from 'spirl-agent/runtime/deadline.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { bidiStream, type CallContext, type OnUnexpected, type Send, unary } from 'spirl-agent/runtime/grpc-adapter.js';
import { loadService } from 'spirl-agent/runtime/load-proto.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { orAbort } from 'spirl-agent/runtime/task-group.js';
import type { Authenticate } from './authenticate.js';

const LOGIN_MS = 30_000;
const MAX_LOGINS = 256;
const MAX_TEXT = 253;

/** Node attestation. */
export interface Attestation {
  challenge(): {
    readonly nonce: Uint8Array;
    readonly endpointName: string;
    prove(claims: { clusterId: string; clusterVersionId: string; csr: Uint8Array; signature: Uint8Array }): void;
  };
}

/** Issues session certificates. */
export interface SessionCertificates {
  issueFor(
    agent: { clusterId: string; agentId: string },
    csr: Uint8Array,
  ): Promise<{ readonly certificate: Uint8Array; readonly notBefore: number; readonly notAfter: number }>;
}

/** Keeps the records of agents. */
export interface AgentRecords {
  newAgentId(): string;
  clusterName(clusterId: string): string;
  recordLogin(
    login: { id: string; clusterId: string; clusterVersionId: string; version: string; nodeName: string },
    sessionExpiresAt: number,
  ): Promise<void>;
  recordRenewal(agentId: string, version: string, sessionExpiresAt: number): Promise<void>;
}

export interface AgentSessionOptions {
  readonly attestation: Attestation;
  readonly certificates: SessionCertificates;
  readonly agents: AgentRecords;
  readonly authenticate: Authenticate;
  /** DER, what agents trust from now on. */
  readonly sessionCa: { readonly value: { readonly certificates: readonly Uint8Array[] } };
  readonly trustDomain: string;
  readonly deploymentId: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface LoginRequest {
  readonly hello?: { clusterId: string; agentVersion: string; csr: Buffer; nodeName: string };
  readonly proof?: { clusterVersionId: string; signature: Buffer };
}

interface Grantee {
  readonly agentId: string;
  readonly clusterId: string;
  readonly csr: Uint8Array;
}

interface Grant {
  readonly notAfterMs: number;
}

/** How an agent becomes known (Login: hello, challenge, proof, grant) and stays known (Renew). */
export class AgentSessionApi {
  readonly #options: AgentSessionOptions;
  #logins = 0;

  constructor(options: AgentSessionOptions) {
    this.#options = options;
  }

  addTo(grpc: Server, onUnexpected: OnUnexpected): void {
    const { definition } = loadService('spirl/agent/v1/session.proto', 'com.spirl.agent.v1.session.API');
    const handlers = {
      Login: bidiStream<LoginRequest, object>((requests, send, context) => {
        return this.#boundedLogin(requests, send, context);
      }, onUnexpected),
      Renew: unary((request: { csr: Buffer; agentVersion: string }, context) => {
        return this.#renew(request, context);
      }, onUnexpected),
    };
    grpc.addService(definition, handlers);
  }

  async #boundedLogin(requests: AsyncIterable<LoginRequest>, send: Send<object>, context: CallContext): Promise<void> {
    if (this.#logins >= MAX_LOGINS) throw new SpirlError('LIMIT_REACHED', 'too many logins are under way: try again');
    this.#logins++;
    try {
      const late = `the login took longer than ${LOGIN_MS / 1000} s`;
      const login = (signal: AbortSignal): Promise<void> => this.#login(requests, send, signal);
      await withDeadline(login, LOGIN_MS, late, this.#options.clock, context.signal);
    } finally {
      this.#logins--;
    }
  }

  async #login(requests: AsyncIterable<LoginRequest>, send: Send<object>, signal: AbortSignal): Promise<void> {
    const { attestation, agents, logger } = this.#options;
    const steps = requests[Symbol.asyncIterator]();
    const hello = (await nextStep(steps, signal)).hello;
    if (!hello) throw new SpirlError('INVALID_REQUEST', 'a login begins with hello');
    const challenge = attestation.challenge();
    send({ challenge: { nonce: challenge.nonce, endpointName: challenge.endpointName } });
    const proof = (await nextStep(steps, signal)).proof;
    if (!proof) throw new SpirlError('INVALID_REQUEST', 'a challenge is answered with proof');

    const { clusterId, csr } = hello;
    const { clusterVersionId, signature } = proof;
    challenge.prove({ clusterId, clusterVersionId, csr, signature });
    const id = agents.newAgentId();
    const grant = await this.#grant({ agentId: id, clusterId, csr });
    const [version, nodeName] = [plainText(hello.agentVersion), plainText(hello.nodeName)];
    await agents.recordLogin({ id, clusterId, clusterVersionId, version, nodeName }, grant.notAfterMs);
    logger.info('agent logged in', { agentId: id, clusterId, clusterVersionId, nodeName, version });
    send({ grant });
  }

  async #renew(request: { csr: Buffer; agentVersion: string }, context: CallContext): Promise<object> {
    const { authenticate, agents, logger } = this.#options;
    const { agentId, clusterId } = await authenticate(context.peer);
    const grant = await this.#grant({ agentId, clusterId, csr: request.csr });
    await agents.recordRenewal(agentId, plainText(request.agentVersion), grant.notAfterMs);
    logger.debug('agent session renewed', { agentId, clusterId });
    return grant;
  }

  async #grant({ agentId, clusterId, csr }: Grantee): Promise<Grant> {
    const { certificates, agents, sessionCa, trustDomain, deploymentId } = this.#options;
    const issued = await certificates.issueFor({ clusterId, agentId }, csr);
    const grant = {
      agentId,
      certificateChain: [issued.certificate],
      sessionCa: sessionCa.value.certificates,
      trustDomain,
      deploymentId,
      clusterId,
      clusterName: agents.clusterName(clusterId),
      notBeforeMs: issued.notBefore,
      notAfterMs: issued.notAfter,
    };
    return grant;
  }
}

async function nextStep(steps: AsyncIterator<LoginRequest>, signal: AbortSignal): Promise<LoginRequest> {
  const next = await orAbort(steps.next(), signal);
  if (next.done === true) throw new SpirlError('INVALID_REQUEST', 'the login was not finished');
  return next.value;
}

/** What people read in lists: printable ASCII, and not too much of it. */
function plainText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_TEXT);
}
