import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SpirlError } from '../../src/runtime/errors.js';
import { framed, MessageReader } from '../../src/runtime/grpc-frame.js';
import { GRPC_STATUS } from '../../src/runtime/grpc-status.js';
import { ECHO_LIMITS } from './echo-grpc-server.js';

interface Test {
  teardown(end: () => void): void;
}

const RESPONSE = { ':status': 200, 'content-type': 'application/grpc' };

/** A server of node:http2, and with that of nghttp2, that answers as `EchoGrpcServer` does: `/S/Chat`, and what is no call of it. */
export class Nghttp2Echo {
  /** Header fields of each call of `/S/Chat`, in the order of their arrival; several of one name are one. */
  readonly requests: Record<string, string>[] = [];
  readonly #server: Http2Server;
  readonly #folder = mkdtempSync(join(tmpdir(), 'nghttp2-'));
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer({
      settings: { maxConcurrentStreams: ECHO_LIMITS.streamsPerConnection, maxHeaderListSize: 65_536 },
    });
    this.#server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _: number, raw: string[]) =>
      this.#serve(stream, headers, raw),
    );
    this.#server.on('sessionError', () => {});
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket.on('error', () => {}));
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async open(t: Test): Promise<Nghttp2Echo> {
    const echo = new Nghttp2Echo();
    echo.#server.listen(echo.socketPath);
    await once(echo.#server, 'listening');
    t.teardown(() => {
      echo.#server.close();
      for (const socket of echo.#sockets) socket.destroy();
      rmSync(echo.#folder, { recursive: true, force: true });
    });
    return echo;
  }

  get socketPath(): string {
    return join(this.#folder, 'socket');
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
    stream.on('error', () => {});
    const refused = refusalOf(headers);
    if (refused === undefined) this.requests.push(fieldsOf(raw));
    if (stream.destroyed || stream.closed) return;
    if (refused === undefined) chat(stream);
    else refuse(stream, refused);
  }
}

function fieldsOf(raw: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at < raw.length; at += 2) {
    const [name, value] = [raw[at] ?? '', raw[at + 1] ?? ''];
    fields[name] = name in fields ? `${fields[name] ?? ''}, ${value}` : value;
  }
  return fields;
}

function refusalOf(headers: IncomingHttpHeaders): Record<string, string | number> | undefined {
  if (headers[':method'] !== 'POST') return { ':status': 405 };
  if (!/^application\/grpc(?:[+;]|$)/.test(headers['content-type'] ?? '')) return { ':status': 415 };
  return headers[':path'] === '/S/Chat' ? undefined : { ...RESPONSE, 'grpc-status': '12' };
}

function refuse(stream: ServerHttp2Stream, headers: Record<string, string | number>): void {
  stream.respond(headers, { endStream: true });
  stream.resume();
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function chat(stream: ServerHttp2Stream): void {
  const reader = new MessageReader({ maxBytes: ECHO_LIMITS.maxRequestBytes, encoding: undefined });
  let [status, over, requested] = ['0', false, false];
  const finish = (code: string): void => {
    if (over || stream.destroyed || stream.closed) return;
    [status, over] = [code, true];
    if (!stream.headersSent && code !== '0') {
      stream.respond({ ...RESPONSE, 'grpc-status': code }, { endStream: true });
      if (!requested) stream.close(constants.NGHTTP2_NO_ERROR);
      return;
    }
    if (!stream.headersSent) stream.respond(RESPONSE, { waitForTrailers: true });
    stream.end();
  };
  stream.on('data', (chunk: Buffer) => {
    if (over) return;
    try {
      for (const message of reader.messages(chunk)) {
        if (!stream.headersSent) stream.respond(RESPONSE, { waitForTrailers: true });
        stream.write(framed(message));
      }
    } catch (error) {
      finish(String(GRPC_STATUS[(error as SpirlError).code]));
    }
  });
  stream.once('wantTrailers', () => {
    stream.sendTrailers({ 'grpc-status': status });
    if (!requested) setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
  });
  stream.once('end', () => {
    requested = true;
    finish(reader.inside ? '3' : '0');
  });
}
