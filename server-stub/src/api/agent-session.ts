import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { loadDefinition } from 'spirl-agent/runtime/service-definition.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { RpcCall, RpcConversation } from 'spirl-agent/runtime/rpc-method.js';
import { timeLimit } from 'spirl-agent/runtime/time-limit.js';
import type { Authenticate } from './authenticate.js';
import {
  LoginConversation,
  type Login,
  type LoginConversationParts,
  type LoginHello,
  type LoginProof,
  type LoginRequest,
} from './login-conversation.js';
import { codecOf, unaryMethod, type ServedMethod } from './rpc-methods.js';

const LOGIN_MS = 30_000;
const MAX_LOGINS = 256;
const MAX_TEXT = 253;
/** Bytes of a step of a login: a certificate request and a few names. Whoever sends them is not known yet. */
const MAX_STEP = 64 * 1024;

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

interface RenewRequest {
  readonly csr: Buffer;
  readonly agentVersion: string;
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

  /** `com.spirl.agent.v1.session.API` */
  methods(): { readonly login: ServedMethod; readonly renew: ServedMethod } {
    const definition = loadDefinition('spirl/agent/v1/session.proto', 'com.spirl.agent.v1.session.API');
    const { path, decode, encode } = codecOf<LoginRequest, object>(definition, 'Login');
    const login = { decode, encode, begin: () => this.#begin() };
    const renew = codecOf<RenewRequest, object>(definition, 'Renew');
    return {
      login: [path, { type: 'bidi_stream', maxRequestBytes: MAX_STEP, open: (call) => this.#open(login, call) }],
      renew: unaryMethod(renew, (request, { peer }) => this.#renew(request, peer)),
    };
  }

  #open(login: Omit<LoginConversationParts, 'over'>, call: RpcCall): RpcConversation {
    if (this.#logins >= MAX_LOGINS) throw new SpirlError('LIMIT_REACHED', 'too many logins are under way: try again');
    this.#logins++;
    const inTime = timeLimit(LOGIN_MS, this.#options.clock, () =>
      call.fail(new SpirlError('DEADLINE_EXCEEDED', `the login took longer than ${LOGIN_MS / 1000} s`)),
    );
    const over = (): void => {
      this.#logins--;
      inTime();
    };
    return new LoginConversation({ ...login, over }, call);
  }

  #begin(): Login {
    const challenge = this.#options.attestation.challenge();
    const { nonce, endpointName } = challenge;
    return {
      challenge: { nonce, endpointName },
      grant: (hello, proof, caller) => this.#login(challenge, hello, proof, caller),
    };
  }

  async #login(
    challenge: ReturnType<Attestation['challenge']>,
    hello: LoginHello,
    { clusterVersionId, signature }: LoginProof,
    caller: { readonly isGone: boolean },
  ): Promise<Grant> {
    const { agents, logger } = this.#options;
    const { clusterId, csr } = hello;
    challenge.prove({ clusterId, clusterVersionId, csr, signature });
    const id = agents.newAgentId();
    const grant = await this.#grant({ agentId: id, clusterId, csr });
    // Nobody would know the key of such an agent.
    if (caller.isGone) throw new SpirlError('UNAVAILABLE', 'the agent has gone');
    const [version, nodeName] = [plainText(hello.agentVersion), plainText(hello.nodeName)];
    await agents.recordLogin({ id, clusterId, clusterVersionId, version, nodeName }, grant.notAfterMs);
    logger.info('agent logged in', { agentId: id, clusterId, clusterVersionId, nodeName, version });
    return grant;
  }

  async #renew(request: RenewRequest, peer: object): Promise<object> {
    const { authenticate, agents, logger } = this.#options;
    const { agentId, clusterId } = await authenticate(peer);
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

/** What people read in lists: printable ASCII, and not too much of it. */
function plainText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_TEXT);
}
