import { once } from 'node:events';
import { constants } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { certificatePem } from 'spirl-agent/runtime/certificate-facts.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { DeadlineQueue } from 'spirl-agent/runtime/deadline-queue.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { OnUnexpected } from 'spirl-agent/runtime/wire-error.js';
import { GrpcServer } from 'spirl-agent/runtime/grpc-server/grpc-server.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { UNOBSERVED, type RpcObserver } from 'spirl-agent/runtime/rpc-observer.js';
import { aborted } from 'spirl-agent/runtime/task-group.js';
import { AgentConnection, readSessionCertificate } from './authenticate.js';
import { ConnectionAges } from './connection-ages.js';
import type { ServedMethod } from './rpc-methods.js';

const MINUTE_MS = 60_000;

const CALL_LIMITS = {
  /** A batch of the most items with the most attributes. */
  maxRequestBytes: 8 * 1024 * 1024,
  streamsPerConnection: 100,
  /** A batch of a hundred certificate requests comes without asking. */
  windows: { connection: 1024 * 1024, stream: 256 * 1024 },
  requestMs: 30_000,
  keepaliveMs: 20_000,
  keepaliveTimeoutMs: 20_000,
} as const;

export interface AgentListenerLimits {
  readonly connections: number;
  /** TLS handshakes under way. */
  readonly handshakes: number;
  /** How long a handshake may take, and after it the beginning of HTTP/2. */
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
  /** For callers with a session. */
  readonly methods: Iterable<ServedMethod>;
  /** For anybody: how to get one. */
  readonly login: ServedMethod;
  readonly onUnexpected: OnUnexpected;
  readonly limits?: AgentListenerLimits;
  readonly observer?: RpcObserver;
  /** How long calls under way may go on at the end. */
  readonly shutdownGraceMs?: number;
}

/**
 * The agents' endpoint: TLS 1.3 by a server of our own, so that certificates change while it runs and each call knows its
 * connection's certificate. Connections without one, or with a wrong one, are let in: their calls are answered with the reason.
 */
export class AgentListener {
  readonly #options: AgentListenerOptions;
  readonly #limits: AgentListenerLimits;
  readonly #grpc: GrpcServer;
  readonly #tls: Server;
  readonly #ages: ConnectionAges;
  readonly #logins: DeadlineQueue;
  readonly #sockets = new Set<Socket>();
  /** Addresses of the connections whose handshake is under way. */
  readonly #handshakes = new Set<string>();
  /** Open connections without a session certificate. */
  #anonymous = 0;

  constructor(options: AgentListenerOptions) {
    this.#options = options;
    this.#limits = options.limits ?? AGENT_LISTENER_LIMITS;
    const { methods, login, onUnexpected, observer = UNOBSERVED, clock } = options;
    const { ageMs, anonymousMs, handshakeMs } = this.#limits;
    this.#grpc = new GrpcServer({
      methods: new Map([login, ...methods]),
      admit: (path, _headers, peer) => {
        // Whether a session is still good is for each method to judge; without one nothing is read at all.
        if (path !== login[0] && peer instanceof AgentConnection && peer.certificate instanceof SpirlError) {
          throw peer.certificate;
        }
        return nothing;
      },
      ...{ observer, onUnexpected, clock },
      // One that is not used goes when it is too old, like any other.
      limits: { ...CALL_LIMITS, openingMs: handshakeMs, idleMs: 2 * ageMs },
    });
    this.#ages = new ConnectionAges(this.#limits, clock);
    this.#logins = new DeadlineQueue(anonymousMs, clock);
    this.#tls = createServer({
      ...this.#secureContext(),
      ALPNProtocols: ['h2'],
      requestCert: true,
      // Judged in `#accept`, where the refusal can be put in a sentence.
      rejectUnauthorized: false,
      handshakeTimeout: this.#limits.handshakeMs,
      // What there is to say in one turn of the event loop is one write already; it must not wait for the answer to the last one.
      noDelay: true,
    });
    this.#tls.maxConnections = this.#limits.connections;
    this.#tls.on('connection', (socket: Socket) => this.#countHandshake(socket));
    this.#tls.on('tlsClientError', (error, socket) => {
      options.logger.debug('TLS handshake failed', { error: error.message });
      socket.destroy();
    });
    this.#tls.on('secureConnection', (socket) => this.#accept(socket));
  }

  /** Open connections whose handshake is done. */
  get connections(): number {
    return this.#grpc.connections;
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
    await this.#grpc.shutdown(this.#options.shutdownGraceMs ?? 2_000);
    // Those whose handshake was under way.
    for (const socket of this.#sockets) socket.destroy();
    this.#ages.close();
    this.#logins.close();
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
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#handshakes.delete(address);
      this.#sockets.delete(socket);
    });
  }

  #accept(socket: TLSSocket): void {
    const address = addressOf(socket);
    this.#handshakes.delete(address);
    socket.on('error', nothing);
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
    const connection = this.#grpc.serve(socket, new AgentConnection(address, certificate));
    if (connection !== undefined) this.#ages.follow(socket, connection);
  }

  #limitTime(socket: TLSSocket): void {
    const inTime = this.#logins.start(() => socket.destroy());
    this.#anonymous++;
    socket.once('close', () => {
      this.#anonymous--;
      inTime();
    });
  }
}

const nothing = (): void => {};

function addressOf(socket: Socket): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}
