import { once } from 'node:events';
import { constants } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { ServerInterceptor } from '@grpc/grpc-js';
import { certificatePem } from 'spirl-agent/runtime/certificate-facts.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { InjectedServer } from 'spirl-agent/runtime/injected-server.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { aborted } from 'spirl-agent/runtime/task-group.js';
import { AgentConnection, readSessionCertificate } from './authenticate.js';

const MINUTE_MS = 60_000;

/** gRPC settings of the agents' endpoint. grpc-js spreads the connection age by 10 % by itself. */
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.max_concurrent_streams': 100,
  'grpc.max_receive_message_length': 8 * 1024 * 1024,
} as const;

export interface AgentListenerLimits {
  readonly connections: number;
  /** TLS handshakes under way. */
  readonly handshakes: number;
  readonly handshakeMs: number;
  /** A connection without a session certificate is there to log in; this is all the time it gets. */
  readonly anonymousMs: number;
  /** Connections without a session certificate; they must not take the places of agents. */
  readonly anonymous: number;
  /** After this time (± 10 %) a connection is replaced, so that replicas share the agents. */
  readonly ageMs: number;
  /** How long calls may go on on a connection that is too old. */
  readonly ageGraceMs: number;
}

export const AGENT_LISTENER_LIMITS: AgentListenerLimits = {
  connections: 20_000,
  handshakes: 1_000,
  handshakeMs: 10_000,
  anonymousMs: MINUTE_MS,
  anonymous: 2_000,
  ageMs: 30 * MINUTE_MS,
  ageGraceMs: 10_000,
};

/** Snapshots of what the endpoint shows. A web-PKI certificate can stand here as well as one of the session CA. */
export interface EndpointIdentity {
  readonly value: { readonly certificate: string; readonly privateKey: string };
  subscribe(listener: () => void, signal: AbortSignal): void;
}

/** The session CA certificates (DER) that agents' certificates must come from. */
export interface SessionAuthorities {
  readonly value: { readonly certificates: readonly Uint8Array[] };
  subscribe(listener: () => void, signal: AbortSignal): void;
}

export interface AgentListenerOptions {
  readonly host: string;
  /** 0: a free port. */
  readonly port: number;
  readonly endpoint: EndpointIdentity;
  readonly sessionCa: SessionAuthorities;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: AgentListenerLimits;
  readonly interceptors?: readonly ServerInterceptor[];
  /** How long calls under way may go on at the end. */
  readonly shutdownGraceMs?: number;
}

/**
 * The agents' endpoint: TLS 1.3 by a server of our own, so that certificates change while it runs and each call knows its
 * connection's certificate. Connections without one, or with a wrong one, are let in: their calls are answered with the reason.
 */
export class AgentListener {
  readonly grpc: InjectedServer;
  readonly #options: AgentListenerOptions;
  readonly #limits: AgentListenerLimits;
  readonly #tls: Server;
  /** Addresses of the connections whose handshake is under way. */
  readonly #handshakes = new Set<string>();
  /** Open connections without a session certificate. */
  #anonymous = 0;

  constructor(options: AgentListenerOptions) {
    this.#options = options;
    this.#limits = options.limits ?? AGENT_LISTENER_LIMITS;
    const channelOptions = {
      ...CHANNEL_OPTIONS,
      'grpc.max_connection_age_ms': this.#limits.ageMs,
      'grpc.max_connection_age_grace_ms': this.#limits.ageGraceMs,
    };
    this.grpc = new InjectedServer({ channelOptions, interceptors: options.interceptors ?? [] });
    this.#tls = createServer({
      ...this.#secureContext(),
      ALPNProtocols: ['h2'],
      requestCert: true,
      // Judged in `#accept`, where the refusal can be put in a sentence.
      rejectUnauthorized: false,
      handshakeTimeout: this.#limits.handshakeMs,
    });
    this.#tls.maxConnections = this.#limits.connections;
    this.#tls.on('connection', (socket: Socket) => this.#countHandshake(socket));
    this.#tls.on('tlsClientError', (error, socket) => {
      options.logger.debug('TLS handshake failed', { error: error.message });
      socket.destroy();
    });
    this.#tls.on('secureConnection', (socket) => this.#accept(socket));
  }

  /** Begins to accept. Throws UNAVAILABLE when the port cannot be had. */
  async listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#options;
    try {
      this.#tls.listen({ host, port, backlog: 4096 });
      await once(this.#tls, 'listening');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      throw new SpirlError('UNAVAILABLE', `cannot listen for agents on ${host}:${port}: ${code}`, { cause: error });
    }
    return { host, port: (this.#tls.address() as AddressInfo).port };
  }

  /** Follows certificate changes until `signal` aborts, then stops. */
  async run(signal: AbortSignal): Promise<void> {
    const apply = (): void => this.#tls.setSecureContext(this.#secureContext());
    this.#options.endpoint.subscribe(apply, signal);
    this.#options.sessionCa.subscribe(apply, signal);
    await aborted(signal);
    this.#tls.close();
    await this.grpc.shutdown(this.#options.shutdownGraceMs ?? 2_000);
  }

  #secureContext(): SecureContextOptions {
    const { certificate, privateKey } = this.#options.endpoint.value;
    return {
      cert: certificate,
      key: privateKey,
      ca: this.#options.sessionCa.value.certificates.map(certificatePem),
      minVersion: 'TLSv1.3',
      // Without tickets, and without a session store, nothing is resumed: each connection shows its certificate anew.
      secureOptions: constants.SSL_OP_NO_TICKET,
    };
  }

  #countHandshake(socket: Socket): void {
    if (this.#handshakes.size >= this.#limits.handshakes) {
      socket.destroy();
      return;
    }
    const address = addressOf(socket);
    this.#handshakes.add(address);
    socket.once('close', () => this.#handshakes.delete(address));
  }

  #accept(socket: TLSSocket): void {
    const address = addressOf(socket);
    this.#handshakes.delete(address);
    socket.on('error', () => {});
    const { clock, sessionCa, trustDomain, logger } = this.#options;
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return;
    }
    const authorities = sessionCa.value.certificates;
    const certificate = readSessionCertificate(socket.getPeerX509Certificate(), authorities, trustDomain, clock.now());
    if (certificate instanceof SpirlError) {
      logger.debug('connection without a session', { address, reason: certificate.message });
      if (this.#anonymous >= this.#limits.anonymous) {
        socket.destroy();
        return;
      }
      this.#limitTime(socket);
    }
    this.grpc.inject(socket, new AgentConnection(address, certificate));
  }

  #limitTime(socket: TLSSocket): void {
    const closed = new AbortController();
    this.#anonymous++;
    socket.once('close', () => {
      this.#anonymous--;
      closed.abort();
    });
    this.#options.clock.sleep(this.#limits.anonymousMs, closed.signal).then(
      () => socket.destroy(),
      () => {},
    );
  }
}

function addressOf(socket: Socket): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}
