import { createServer, request, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';

/** Stands before AWS KMS and counts what is asked of it. It can go away and come back at the same address. */
export class CountingProxy {
  readonly #upstream: URL;
  #server: Server | undefined;
  #port = 0;
  #calls: Record<string, number> = {};
  readonly #sockets = new Set<Socket>();

  constructor(upstream: string) {
    this.#upstream = new URL(upstream);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** By operation: `Encrypt`. */
  get calls(): Readonly<Record<string, number>> {
    return this.#calls;
  }

  reset(): void {
    this.#calls = {};
  }

  async up(): Promise<void> {
    const server = createServer((incoming, answer) => {
      const target = String(incoming.headers['x-amz-target']).split('.').at(-1) ?? '';
      this.#calls[target] = (this.#calls[target] ?? 0) + 1;
      const { hostname, port } = this.#upstream;
      const { method, url, headers } = incoming;
      const outgoing = request({ hostname, port, method, path: url, headers }, (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      });
      outgoing.on('error', () => answer.destroy());
      incoming.pipe(outgoing);
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async down(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
