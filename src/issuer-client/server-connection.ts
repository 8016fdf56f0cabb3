import { isIP } from 'node:net';
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type PeerCertificate } from 'node:tls';
import { Channel, type ChannelOptions, credentials, type ServiceClientConstructor } from '@grpc/grpc-js';
import { checkServerSpiffeId } from '../domain/session-identity.js';
import { certificatePem, onlyUri } from '../runtime/certificate-facts.js';
import { SpirlError } from '../runtime/errors.js';
import { loadService } from '../runtime/load-proto.js';
import { KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS } from './call-limits.js';
import type { AnyClient } from './rpc.js';

// Retries are left on: a call that a closing connection refused unseen goes out once more on the next one.
const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 32 * 1024 * 1024,
  'grpc.use_local_subchannel_pool': 1,
  // A proxy meant for the web has no business between an agent and its server.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.initial_reconnect_backoff_ms': 1_000,
  'grpc.max_reconnect_backoff_ms': 5_000,
};

export interface ServerConnectionOptions {
  /** `host:port` */
  readonly address: string;
  /** Server name of the TLS handshake, when it is not the host of `address`. */
  readonly serverName?: string;
  /** The trust domain that the server must belong to; unknown before the first login. */
  readonly trustDomain?: string;
  /** DER certificates of the session CA; the server's certificate must come from one of them. */
  readonly trusted: readonly Uint8Array[];
  /** The agent's own certificate; without it the connection is good for a login only. */
  readonly identity?: { readonly certificateChain: readonly Uint8Array[]; readonly privateKey: Uint8Array };
}

/** One channel to the server. It is closed when it has been retired and its last use has ended. */
export class ServerConnection {
  readonly sessionApi: AnyClient;
  readonly agentApi: AnyClient;
  readonly #channel: Channel;
  readonly #server: ServerIdentity;
  #uses = 0;
  #retired = false;

  constructor(options: ServerConnectionOptions) {
    this.#server = new ServerIdentity(options.trustDomain);
    this.#channel = openChannel(options, this.#server);
    const clientOf = (service: ServiceClientConstructor): AnyClient => {
      // The channel is given, so address and credentials are not used.
      const client = new service(options.address, credentials.createInsecure(), { channelOverride: this.#channel });
      return client as unknown as AnyClient;
    };
    const { session, agent } = serviceClients();
    this.sessionApi = clientOf(session);
    this.agentApi = clientOf(agent);
  }

  /** SPIFFE ID in the certificate that the server showed last; `undefined` before the first handshake. */
  get serverName(): string | undefined {
    return this.#server.name;
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
    if (this.#retired && this.#uses === 0) this.#channel.close();
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
    const uri = onlyUri(new X509Certificate(certificate.raw));
    try {
      checkServerSpiffeId(uri ?? '', this.#trustDomain);
    } catch (error) {
      return error instanceof SpirlError ? error : new Error('the server certificate cannot be read');
    }
    this.name = uri;
    return undefined;
  };
}

let services: { session: ServiceClientConstructor; agent: ServiceClientConstructor } | undefined;

/** Loaded once, at the first connection. */
function serviceClients(): { session: ServiceClientConstructor; agent: ServiceClientConstructor } {
  services ??= {
    session: loadService('spirl/agent/v1/session.proto', 'com.spirl.agent.v1.session.API').client,
    agent: loadService('spirl/agent/v1/agent.proto', 'com.spirl.agent.v1.agent.API').client,
  };
  return services;
}

function openChannel(options: ServerConnectionOptions, server: ServerIdentity): Channel {
  const { address, trusted, identity } = options;
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
  // TLS knows no IP address as a server name; the certificate is judged by its SPIFFE ID anyway.
  const serverName = options.serverName ?? (isIP(hostOf(address)) === 0 ? undefined : 'spirl-server');
  return new Channel(
    address,
    credentials.createFromSecureContext(secureContext, { checkServerIdentity: server.check }),
    serverName === undefined ? CHANNEL_OPTIONS : { ...CHANNEL_OPTIONS, 'grpc.ssl_target_name_override': serverName },
  );
}

function hostOf(address: string): string {
  const end = address.lastIndexOf(':');
  return (end === -1 ? address : address.slice(0, end)).replace(/^\[|\]$/g, '');
}

function privateKeyPem(pkcs8: Uint8Array): string {
  const lines =
    Buffer.from(pkcs8)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}
