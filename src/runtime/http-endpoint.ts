import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SpirlError } from './errors.js';
import { aborted } from './task-group.js';

/** What `/ready` says. `degraded` (200): everything that exists is served, something else does not work; `unready`: 503. */
export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'unready';
  /** One sentence for each thing that is not as it should be; empty when ready. */
  readonly reasons: readonly string[];
}

export interface HttpPages {
  readiness(): Readiness;
  /** Absent: there is no /metrics. */
  metrics?(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** Told of a page that could not be made; the caller only sees 500. */
  onUnexpected(error: unknown): void;
}

export interface HttpAddress {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** `/metrics`, `/live` and `/ready`, listening. */
export interface HttpEndpoint {
  /** Where it listens, with the port that it got. */
  readonly address: HttpAddress;
  /** `http://127.0.0.1:9090` */
  readonly url: string;
  /** Serves until `signal` aborts, then closes. */
  run(signal: AbortSignal): Promise<void>;
}

const MAX_CONNECTIONS = 128;
const MAX_HEADER_BYTES = 8 * 1024;
/** A request that is not complete by then is answered 408. */
const REQUEST_TIMEOUT_MS = 10_000;
/** How long a connection may be idle. */
const IDLE_TIMEOUT_MS = 15_000;

/** Takes the port; throws INVALID_CONFIG when it cannot be had. */
export async function openHttpEndpoint(at: HttpAddress, pages: HttpPages): Promise<HttpEndpoint> {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
    },
    (request, response) => void answer(request, response, pages),
  );
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, at);
  const { address: host, port } = server.address() as AddressInfo;
  return {
    address: { host, port },
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    run: async (signal) => {
      await aborted(signal);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use by another process',
  EACCES: 'this user may not use that port',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'there is no such host',
};

function listen(server: Server, { host, port }: HttpAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = WHY[error.code ?? ''] ?? error.code ?? 'it failed';
      reject(new SpirlError('INVALID_CONFIG', `cannot listen on ${host}:${port}: ${why}`, { cause: error }));
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      // Accepting can fail later too (no descriptors left); the connections that exist go on.
      server.on('error', () => {});
      resolve();
    });
  });
}

interface Page {
  readonly code: number;
  readonly contentType: string;
  readonly body: string;
}

async function answer(request: IncomingMessage, response: ServerResponse, pages: HttpPages): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    send(request, response, text(405, 'only GET and HEAD'));
    return;
  }
  try {
    send(request, response, await pageOf(request.url ?? '', pages));
  } catch (error) {
    pages.onUnexpected(error);
    send(request, response, text(500, 'internal error'));
  }
}

async function pageOf(url: string, pages: HttpPages): Promise<Page> {
  const [path] = url.split('?');
  if (path === '/live') return json(200, { status: 'live' });
  if (path === '/ready') {
    const { status, reasons } = pages.readiness();
    return json(status === 'unready' ? 503 : 200, { status, reasons });
  }
  if (path === '/metrics' && pages.metrics !== undefined) return { code: 200, ...(await pages.metrics()) };
  return text(404, 'not found');
}

function text(code: number, body: string): Page {
  return { code, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function json(code: number, body: object): Page {
  return { code, contentType: 'application/json', body: `${JSON.stringify(body)}\n` };
}

function send({ method }: IncomingMessage, response: ServerResponse, { code, contentType, body }: Page): void {
  response.statusCode = code;
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  // A body that nobody asked for is not read: the connection ends with the answer.
  if (method !== 'GET' && method !== 'HEAD') response.setHeader('Connection', 'close');
  response.end(method === 'HEAD' ? undefined : body);
}
