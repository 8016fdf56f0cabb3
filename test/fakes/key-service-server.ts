import { constants, createHash, generateKeyPairSync, privateEncrypt, type KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { derFromRaw } from '../../server-stub/src/signer/ecdsa-signature.js';
import { signDigestRaw } from './prehashed-ecdsa.js';
import { makeTlsIdentity } from './tls-identity.js';

export interface HeldKey {
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly privateKey: KeyObject;
}

/** Answers instead of the service; returns false to let the service answer. */
export type Interference = (request: IncomingMessage, response: ServerResponse) => boolean;

/** An honest service of the Key Manager Extension on loopback, with keys in memory. */
export class KeyServiceServer {
  readonly url: string;
  readonly ca: string;
  readonly keys = new Map<string, HeldKey>();
  /** `METHOD path` of each request, in order. */
  readonly requests: string[] = [];
  readonly sockets = new Set<Socket>();
  token: string | undefined;
  encoding: 'der' | 'raw' = 'der';
  interfere: Interference = () => false;
  /** Signs a digest; replaced by tests that want another key or another form. */
  signDigest = (key: HeldKey, digest: Buffer): Buffer => {
    if (key.privateKey.asymmetricKeyType === 'rsa') return signDigestRsa(key.privateKey, digest);
    const raw = signDigestRaw(key.privateKey, digest);
    return this.encoding === 'raw' ? raw : derFromRaw(raw);
  };
  readonly close: () => Promise<void>;

  private constructor(url: string, ca: string, close: () => Promise<void>) {
    this.url = url;
    this.ca = ca;
    this.close = close;
  }

  static async start(): Promise<KeyServiceServer> {
    const identity = await makeTlsIdentity();
    const server = createServer({ cert: identity.cert, key: identity.key });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const close = (): Promise<void> => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    };
    const { port } = server.address() as AddressInfo;
    const service = new KeyServiceServer(`https://127.0.0.1:${port}/hsm`, identity.ca, close);
    server.on('secureConnection', (socket) => service.sockets.add(socket));
    server.on('request', (request, response) => void service.#serve(request, response));
    return service;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace('/hsm', '');
    this.requests.push(`${request.method ?? ''} ${path}`);
    if (this.interfere(request, response)) return;
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { status, body } = this.#answerTo(request, path, Buffer.concat(parts).toString('utf8'));
    answer(response, status, body);
  }

  #answerTo(request: IncomingMessage, path: string, text: string): { status: number; body?: unknown } {
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      return { status: 401, body: { error: `not with ${request.headers.authorization ?? 'nothing'}` } };
    }
    if (request.method === 'GET') return { status: 200, body: { keys: this.#listed() } };
    const [, id, act] = /^\/keys(?:\/([^/]+)\/(sign|release))?$/.exec(path) ?? [];
    if (id === undefined) return this.#create(JSON.parse(text) as { key_id: string; key_type: string });
    const key = this.keys.get(decodeURIComponent(id));
    if (key === undefined) return { status: 404, body: { error: 'unknown key' } };
    if (act === 'sign') {
      const { digest } = JSON.parse(text) as { digest: string };
      const signature = this.signDigest(key, Buffer.from(digest, 'base64')).toString('base64');
      return { status: 200, body: { signature, key_fingerprint: key.fingerprint } };
    }
    this.keys.delete(decodeURIComponent(id));
    return { status: 200 };
  }

  #listed(): object[] {
    return [...this.keys].map(([key_id, { publicKey, fingerprint }]) => ({
      key_id,
      public_key: publicKey,
      fingerprint,
    }));
  }

  #create({ key_id: id, key_type: type }: { key_id: string; key_type: string }): { status: number; body: unknown } {
    if (this.keys.has(id)) return { status: 409, body: { error: 'exists' } };
    const key = newKey(type);
    this.keys.set(id, key);
    return { status: 201, body: { public_key: key.publicKey, fingerprint: key.fingerprint } };
  }
}

export function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? '' : JSON.stringify(body));
}

/** RSASSA-PKCS1-v1_5 of a SHA-256 digest (RFC 8017, 8.2 and the DigestInfo of 9.2). */
function signDigestRsa(key: KeyObject, digest: Buffer): Buffer {
  const info = Buffer.concat([Buffer.from('3031300d060960864801650304020105000420', 'hex'), digest]);
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, info);
}

export function newKey(type: string): HeldKey {
  const namedCurve = { 'EC-P256': 'P-256', 'EC-P384': 'P-384' }[type] ?? 'P-256';
  const { publicKey, privateKey } =
    type === 'RSA-2048'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    fingerprint: `sha256:${createHash('sha256').update(spki).digest('hex')}`,
    privateKey,
  };
}
