import { createECDH, randomBytes, type KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { derFromRaw } from '../../server-stub/src/signer/ecdsa-signature.js';
import { answer, newKey, type HeldKey } from '../../test/fakes/key-service-server.js';
import { serveCommands } from '../rig/commands.js';

// A service that follows the Key Manager Extension, with P-256 keys in its memory and the latency of hardware.

export interface WebhookSignerOptions {
  readonly cert: string;
  readonly key: string;
  /** Signatures made side by side. */
  readonly lanes: number;
  /** Milliseconds of each. */
  readonly ms: number;
}

/** The order of P-256 (FIPS 186-4, D.1.2.3). */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/**
 * ECDSA over digests with one nonce for all. That gives the key away to whoever sees two signatures, and costs next to nothing:
 * the processor is for those who are measured.
 */
function cheapSigner(privateKey: KeyObject): (digest: Buffer) => Buffer {
  const secret = numberOf(Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'));
  const nonce = (numberOf(randomBytes(32)) % (N - 1n)) + 1n;
  const point = createECDH('prime256v1');
  point.setPrivateKey(bytesOf(nonce));
  const r = numberOf(point.getPublicKey().subarray(1, 33)) % N;
  const [inverse, rs] = [power(nonce, N - 2n), (r * secret) % N];
  return (digest) => derFromRaw(Buffer.concat([bytesOf(r), bytesOf((inverse * ((numberOf(digest) + rs) % N)) % N)]));
}

const numberOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);
const bytesOf = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % N;
    square = (square * square) % N;
  }
  return result;
}

/** Says when a signature that is asked for now is made: each lane makes one after another. */
function createLanes({ lanes, ms }: WebhookSignerOptions): () => Promise<void> {
  const freeAt = new Array<number>(lanes).fill(0);
  return () => {
    const now = performance.now();
    const lane = freeAt.indexOf(Math.min(...freeAt));
    const done = Math.max(now, freeAt[lane] ?? 0) + ms;
    freeAt[lane] = done;
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, done - now));
  };
}

class Service {
  readonly #keys = new Map<string, HeldKey & { readonly sign: (digest: Buffer) => Buffer }>();
  readonly #turn: () => Promise<void>;

  constructor(options: WebhookSignerOptions) {
    this.#turn = createLanes(options);
    this.#create('bare');
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { status, body } = await this.#answerTo(request, Buffer.concat(parts).toString('utf8'));
    answer(response, status, body);
  }

  async #answerTo({ method, url = '' }: IncomingMessage, text: string): Promise<{ status: number; body: object }> {
    const [, id = '', act] = /^\/keys(?:\/([^/]+)\/(sign|release))?$/.exec(url) ?? [];
    if (method === 'GET') return { status: 200, body: { keys: this.#listed() } };
    if (act === 'release') return { status: 200, body: {} };
    if (act === undefined) return { status: 201, body: this.#create((JSON.parse(text) as { key_id: string }).key_id) };
    const key = this.#keys.get(decodeURIComponent(id));
    if (key === undefined) return { status: 404, body: { error: 'no such key' } };
    await this.#turn();
    const { digest } = JSON.parse(text) as { digest: string };
    const signature = key.sign(Buffer.from(digest, 'base64')).toString('base64');
    return { status: 200, body: { signature, key_fingerprint: key.fingerprint } };
  }

  #create(id: string): object {
    const key = newKey('EC-P256');
    this.#keys.set(id, { ...key, sign: cheapSigner(key.privateKey) });
    return { public_key: key.publicKey, fingerprint: key.fingerprint };
  }

  #listed(): object[] {
    return [...this.#keys].map(([key_id, { publicKey: public_key, fingerprint }]) => ({
      ...{ key_id, public_key, fingerprint },
    }));
  }
}

const commands = {
  /** Starts to serve; its port. */
  listen: async (options: WebhookSignerOptions): Promise<{ port: number }> => {
    const service = new Service(options);
    const server = createServer({ cert: options.cert, key: options.key }, (request, response) => {
      service.serve(request, response).catch((error: unknown) => answer(response, 500, { error: String(error) }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port };
  },
};

export type WebhookSigner = typeof commands;

serveCommands(commands);
