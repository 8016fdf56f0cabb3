import { unlinkSync } from 'node:fs';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { serveCommands } from '../rig/commands.js';

// The anchor of the Workload API: what node:http2 costs on the same kind of socket with the same bytes, and nothing else.

const PREFIX = 5;
let streamed: Buffer = Buffer.alloc(0);
let answered: Buffer = Buffer.alloc(0);
const open = new Set<ServerHttp2Stream>();

function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(PREFIX + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, PREFIX);
  return bytes;
}

const server = createServer();
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  stream.resume();
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  if (headers[':path']?.endsWith('FetchX509SVID') !== true) {
    stream.end(answered);
    return;
  }
  open.add(stream);
  stream.on('close', () => open.delete(stream));
  stream.write(streamed);
});
server.on('sessionError', () => {});

const commands = {
  /** Listens on a Unix socket and answers with these messages. */
  serve: (path: string, stream: Uint8Array, unary: Uint8Array): Promise<void> => {
    streamed = framed(stream);
    answered = framed(unary);
    try {
      unlinkSync(path);
    } catch {
      // There was none.
    }
    return new Promise((resolve) => server.listen({ path, backlog: 4096 }, resolve));
  },
  /** Writes the message once more to each open stream, in slices as the agent does. */
  push: async (): Promise<void> => {
    const streams = [...open];
    for (let from = 0; from < streams.length; from += 100) {
      for (const stream of streams.slice(from, from + 100)) stream.write(streamed);
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
};

export type BareServer = typeof commands;

serveCommands(commands);
