import { once } from 'node:events';
import {
  createServer,
  request as plainRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, request as tlsRequest } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What happens to requests. `times`: to so many of each kind; absent: to all. */
export type Fault = (
  | { readonly kind: 'latency'; readonly ms: number }
  | { readonly kind: 'reset' | 'truncated' | 'garbage' }
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body: string;
      readonly headers?: Record<string, string>;
    }
) & { readonly times?: number };

interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** Stands before a service on loopback and spoils what passes. It can go away and come back at the same address. */
export class FaultProxy {
  readonly #upstream: URL;
  readonly #tls: Tls | undefined;
  #server: Server | undefined;
  #port = 0;
  #fault: Fault | undefined;
  /** Spoilt requests, by kind. */
  readonly #spoilt = new Map<string, number>();
  #calls = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(upstream: string, tls: Tls | undefined) {
    this.#upstream = new URL(upstream);
    this.#tls = tls;
  }

  /** Listening, in front of `upstream`; with `tls` over HTTPS, whatever certificate the upstream shows. */
  static async start(upstream: string, tls?: Tls): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream, tls);
    await proxy.up();
    return proxy;
  }

  get url(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** Requests since the last `forget`, spoilt ones too. */
  get calls(): number {
    return this.#calls;
  }

  forget(): void {
    this.#calls = 0;
  }

  /** From now on; undefined: nothing is spoilt any more. */
  spoil(fault?: Fault): void {
    this.#fault = fault;
    this.#spoilt.clear();
  }

  async up(): Promise<void> {
    if (this.#server !== undefined) return;
    const handle = (incoming: IncomingMessage, answer: ServerResponse): void => void this.#handle(incoming, answer);
    const server = this.#tls === undefined ? createServer(handle) : createTlsServer(this.#tls, handle);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Nobody listens any more, and connections end. */
  async down(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    this.#calls++;
    const fault = this.#faultFor(incoming);
    if (fault?.kind === 'reset') {
      this.#reset(incoming.socket);
      return;
    }
    if (fault?.kind === 'answer') {
      answer.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      return void answer.end(fault.body);
    }
    if (fault?.kind === 'latency') await delay(fault.ms);
    this.#pass(incoming, answer, fault);
  }

  #faultFor({ method = '', url = '', headers }: IncomingMessage): Fault | undefined {
    // AWS has one path and names the operation in a header.
    const kind = String(headers['x-amz-target'] ?? `${method} ${url}`);
    const spoilt = this.#spoilt.get(kind) ?? 0;
    if (spoilt >= (this.#fault?.times ?? Infinity)) return undefined;
    this.#spoilt.set(kind, spoilt + 1);
    return this.#fault;
  }

  /** Under TLS only an end without its farewell can be had. */
  #reset(socket: Socket): void {
    if (this.#tls === undefined) socket.resetAndDestroy();
    else socket.destroy();
  }

  #pass(incoming: IncomingMessage, answer: ServerResponse, fault: Fault | undefined): void {
    const { method, url, headers } = incoming;
    const { protocol, hostname, port } = this.#upstream;
    const options = { hostname, port, method, path: url, headers, rejectUnauthorized: false };
    const outgoing = (protocol === 'https:' ? tlsRequest : plainRequest)(options, (response) => {
      if (fault?.kind === 'truncated' || fault?.kind === 'garbage') return void spoilBody(response, answer, fault.kind);
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  }
}

/** Half of the body and the end of the connection, or as many bytes of something else. */
async function spoilBody(
  response: IncomingMessage,
  answer: ServerResponse,
  how: 'truncated' | 'garbage',
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const headers = {
    'content-type': response.headers['content-type'] ?? 'application/json',
    'content-length': body.length,
  };
  answer.writeHead(response.statusCode ?? 502, headers);
  if (how === 'garbage') return void answer.end(Buffer.alloc(body.length, '\u0001{]'));
  answer.write(body.subarray(0, Math.floor(body.length / 2)), () => answer.destroy());
}
