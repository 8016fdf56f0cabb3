import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, createSecureContext, type PeerCertificate, type TLSSocket } from 'node:tls';
import { checkServerSpiffeId } from '../domain/session-identity.js';
import { certificatePem, onlyUri } from '../runtime/certificate-facts.js';
import type { Clock } from '../runtime/clock.js';
import { SpirlError } from '../runtime/errors.js';
import { GrpcClient } from '../runtime/grpc-client/grpc-client.js';
import { CONNECT_MS, KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, RECONNECT_PAUSE_MS } from './call-limits.js';
import { callUnary, Conversation, type UnaryCalls } from './rpc.js';
import type { ServerAddress } from './server-address.js';
import type { ServerMethod } from './server-methods.js';

/** Longest answer; a trust state of a large trust domain is the longest. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

export interface ServerConnectionOptions {
  readonly address: ServerAddress;
  /** Server name of the TLS handshake, when it is not the host of `address`. */
  readonly serverName?: string;
  /** The trust domain that the server must belong to; unknown before the first login. */
  readonly trustDomain?: string;
  readonly clock: Clock;
  /** DER certificates of the session CA; the server's certificate must come from one of them. */
  readonly trusted: readonly Uint8Array[];
  /** The agent's own certificate; without it the connection is good for a login only. */
  readonly identity?: { readonly certificateChain: readonly Uint8Array[]; readonly privateKey: Uint8Array };
}

/** A way to the server. It is closed when it has been retired and its last use has ended. */
export class ServerConnection implements UnaryCalls {
  readonly #client: GrpcClient;
  readonly #server: ServerIdentity;
  #uses = 0;
  #retired = false;

  /** Begins to connect; whether that succeeds is told by the calls. Throws INVALID_CONFIG when the server could not be known. */
  constructor(options: ServerConnectionOptions) {
    this.#server = new ServerIdentity(options.trustDomain);
    this.#client = openClient(options, this.#server);
    this.#client.warm();
  }

  /** SPIFFE ID in the certificate that the server showed last; `undefined` before the first handshake. */
  get serverName(): string | undefined {
    return this.#server.name;
  }

  unary<Req extends object, Res extends object>(
    method: ServerMethod<Req, Res>,
    request: Partial<Req>,
    signal: AbortSignal,
  ): Promise<Res> {
    return callUnary(this.#client, method, request, signal);
  }

  /** Cancelled when `signal` aborts. Rejects as a call of its first message would. */
  async converse<Req extends object, Res extends object>(
    method: ServerMethod<Req, Res>,
    signal: AbortSignal,
  ): Promise<Conversation<Req, Res>> {
    return new Conversation(await this.#client.open(method.path, signal), method);
  }

  /** Runs `work` with the connection; it stays open meanwhile, even when it is replaced. */
  async use<T>(work: (connection: this) => Promise<T>): Promise<T> {
    this.#uses++;
    try {
      return await work(this);
    } finally {
      this.#uses--;
      this.#closeIfDone();
    }
  }

  /** Nobody starts using it any more. */
  retire(): void {
    this.#retired = true;
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#retired && this.#uses === 0) this.#client.close();
  }
}

/** Checks that the certificate names a server, of the trust domain once that is known. That it comes from the session CA, TLS has checked. */
class ServerIdentity {
  readonly #trustDomain: string | undefined;
  name: string | undefined;
  constructor(trustDomain: string | undefined) {
    this.#trustDomain = trustDomain;
  }
  readonly check = (_host: string, certificate: PeerCertificate): Error | undefined => {
    try {
      const uri = onlyUri(new X509Certificate(certificate.raw));
      checkServerSpiffeId(uri ?? '', this.#trustDomain);
      this.name = uri;
      return undefined;
    } catch (error) {
      return error instanceof SpirlError ? error : new Error('the server certificate cannot be read');
    }
  };
}

function openClient(options: ServerConnectionOptions, server: ServerIdentity): GrpcClient {
  const { address, trusted, identity, clock } = options;
  if (trusted.length === 0) {
    throw new SpirlError('INVALID_CONFIG', 'no session CA is known: the agent needs the bootstrap file of its server');
  }
  const secureContext = createSecureContext({
    minVersion: 'TLSv1.3',
    ca: trusted.map(certificatePem),
    ...(identity !== undefined && {
      cert: identity.certificateChain.map(certificatePem).join(''),
      key: privateKeyPem(identity.privateKey),
    }),
  });
  const { host, port } = address;
  // TLS knows no IP address as a server name; the certificate is judged by its SPIFFE ID anyway.
  const servername = options.serverName ?? (isIP(host) === 0 ? host : undefined);
  const open = (): TLSSocket =>
    connect({
      ...{ host, port, secureContext, lookup: address.lookup, ALPNProtocols: ['h2'] },
      ...(servername !== undefined && { servername }),
      // Said, so that no variable of the environment says otherwise.
      rejectUnauthorized: true,
      checkServerIdentity: server.check,
    });
  return new GrpcClient({
    ...{ authority: address.text, connect: open, clock },
    unreachable: () => address.failed(),
    connectMs: CONNECT_MS,
    pauseMs: RECONNECT_PAUSE_MS,
    keepaliveMs: KEEPALIVE_MS,
    keepaliveTimeoutMs: KEEPALIVE_TIMEOUT_MS,
    maxMessageBytes: MAX_MESSAGE_BYTES,
  });
}

function privateKeyPem(pkcs8: Uint8Array): string {
  const lines =
    Buffer.from(pkcs8)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}
