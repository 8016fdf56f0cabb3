import { constants } from 'node:crypto';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { serveCommands } from '../rig/commands.js';

// The anchor of the bundle stream: what node:http2 costs over the same kind of TLS with the same bytes, and nothing else.

const PREFIX = 5;
const open = new Set<ServerHttp2Stream>();

function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(PREFIX + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, PREFIX);
  return bytes;
}

const commands = {
  /** Listens on a free port, which it returns; every stream gets `first`. Client certificates are asked for and not judged. */
  serve: (certificatePem: string, privateKeyPem: string, first: Uint8Array): Promise<number> => {
    const greeting = framed(first);
    const server = createSecureServer({
      ...{ cert: certificatePem, key: privateKeyPem, minVersion: 'TLSv1.3' },
      ...{ requestCert: true, rejectUnauthorized: false, secureOptions: constants.SSL_OP_NO_TICKET },
    });
    server.on('sessionError', () => {});
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      open.add(stream);
      stream.on('close', () => open.delete(stream));
      stream.write(greeting);
    });
    return new Promise((resolve) => {
      server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () =>
        resolve((server.address() as AddressInfo).port),
      );
    });
  },
  /** Writes `message` to each open stream, in slices as the server does. */
  push: async (message: Uint8Array): Promise<void> => {
    const bytes = framed(message);
    const streams = [...open];
    for (let from = 0; from < streams.length; from += 100) {
      for (const stream of streams.slice(from, from + 100)) stream.write(bytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
};

export type BareTlsServer = typeof commands;

serveCommands(commands);
