import { once } from 'node:events';
import {
  connect,
  constants,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../src/runtime/clock.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { GrpcServer } from '../../../src/runtime/grpc-server/grpc-server.js';
import type { RpcCall, RpcMethod } from '../../../src/runtime/rpc-method.js';
import { aborted } from '../../../src/runtime/task-group.js';

const LIMITS = {
  ...{ maxRequestBytes: 1_000, streamsPerConnection: 10, openingMs: 10_000, requestMs: 10_000 },
  ...{ keepaliveMs: 60_000, keepaliveTimeoutMs: 10_000, idleMs: 60_000 },
};

/** What a client sees of a call. */
interface Seen {
  readonly headers: IncomingHttpHeaders & IncomingHttpStatusHeader;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
}

class Rig {
  readonly handled: string[] = [];
  readonly unexpected: unknown[] = [];
  readonly calls: RpcCall[] = [];
  readonly server: GrpcServer;
  readonly #listener: Server;
  #client: ClientHttp2Session | undefined;

  private constructor(limits: Partial<typeof LIMITS>) {
    const echo: RpcMethod = {
      type: 'unary',
      serve: (request) =>
        String(request) === 'fail' ? Promise.reject(new Error('secret')) : Promise.resolve(framed(request)),
    };
    const forEver: RpcMethod = {
      type: 'server_stream',
      serve: async (_, call) => {
        this.calls.push(call);
        call.send(framed(Buffer.from('first')));
        await aborted(call.signal);
      },
    };
    const chat: RpcMethod = {
      type: 'bidi_stream',
      open: (call) => ({
        message: (request) => call.send(framed(request)),
        halfClosed: () => call.end(),
        over: () => {},
      }),
    };
    this.server = new GrpcServer({
      methods: new Map<string, RpcMethod>([
        ['/S/Echo', echo],
        ['/S/ForEver', forEver],
        ['/S/Chat', chat],
      ]),
      admit: (_, headers) => {
        if (headers['x-refuse'] !== undefined) throw new SpirlError('LIMIT_REACHED', 'no room: 100 % full, schön');
        return () => {};
      },
      observer: {
        ...{ started: () => {}, received: () => {}, sent: () => {} },
        handled: ({ method }, code) => this.handled.push(`${method} ${status[code]}`),
      },
      onUnexpected: (error) => this.unexpected.push(error),
      clock: systemClock,
      limits: { ...LIMITS, ...limits },
    });
    this.#listener = createServer((socket: Socket) =>
      this.server.serve(
        socket.on('error', () => {}),
        {},
      ),
    );
  }

  static async open(t: ExecutionContext, limits: Partial<typeof LIMITS> = {}): Promise<Rig> {
    const rig = new Rig(limits);
    rig.#listener.listen(0, '127.0.0.1');
    await once(rig.#listener, 'listening');
    t.teardown(async () => {
      rig.#client?.destroy();
      rig.#listener.close();
      await rig.server.shutdown(1_000);
    });
    return rig;
  }

  /** One connection for all calls of a test. */
  client(): ClientHttp2Session {
    if (this.#client === undefined) {
      this.#client = connect(`http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`);
      this.#client.on('error', () => {});
    }
    return this.#client;
  }

  /** A whole call; `body` is sent and the request ended. */
  async call(path: string, body: Buffer, headers: Record<string, string> = {}): Promise<Seen> {
    const defaults = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = this.client().request({ ...defaults, ...headers });
    stream.on('error', () => {});
    let trailers: IncomingHttpHeaders = {};
    stream.on('trailers', (got: IncomingHttpHeaders) => (trailers = got));
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    const answered = once(stream, 'response') as Promise<[Seen['headers']]>;
    stream.end(body);
    const [got] = await answered;
    if (!stream.closed) await once(stream, 'close');
    return { headers: got, trailers, body: Buffer.concat(parts) };
  }
}

const HELLO = framed(Buffer.from('hello'));

test('a call is answered with its message and the status in the trailers', async (t) => {
  const rig = await Rig.open(t);
  const { headers, trailers, body } = await rig.call('/S/Echo', HELLO);
  t.like(headers, { ':status': 200, 'content-type': 'application/grpc' });
  t.deepEqual(body, HELLO);
  t.is(trailers['grpc-status'], '0');
  t.deepEqual(rig.handled, ['Echo OK']);
});

const REFUSALS: { name: string; body?: Buffer; path?: string; headers?: Record<string, string>; code: status }[] = [
  { name: 'a method that does not exist', path: '/S/Nothing', code: status.UNIMPLEMENTED },
  { name: 'no message', body: Buffer.alloc(0), code: status.UNIMPLEMENTED },
  { name: 'half a message', body: HELLO.subarray(0, 7), code: status.UNIMPLEMENTED },
  { name: 'two messages', body: Buffer.concat([HELLO, HELLO]), code: status.UNIMPLEMENTED },
  { name: 'a message that is too long', body: framed(Buffer.alloc(1_001)), code: status.RESOURCE_EXHAUSTED },
  { name: 'an encoding nobody knows', headers: { 'grpc-encoding': 'br' }, code: status.UNIMPLEMENTED },
  { name: 'a timeout that is none', headers: { 'grpc-timeout': 'soon' }, code: status.INVALID_ARGUMENT },
  { name: 'a refused caller', headers: { 'x-refuse': '1' }, code: status.RESOURCE_EXHAUSTED },
];
for (const { name, body = HELLO, path = '/S/Echo', headers = {}, code } of REFUSALS) {
  test(`${name}: ${status[code]} in the first headers, and the connection lives on`, async (t) => {
    const rig = await Rig.open(t);
    const seen = await rig.call(path, body, headers);
    t.is(seen.headers[':status'], 200);
    t.is(seen.headers['grpc-status'], String(code));
    t.is((await rig.call('/S/Echo', HELLO)).trailers['grpc-status'], '0');
  });
}

test('a status message is percent-encoded, an unexpected error says nothing', async (t) => {
  const rig = await Rig.open(t);
  const refused = await rig.call('/S/Echo', HELLO, { 'x-refuse': '1' });
  t.is(refused.headers['grpc-message'], 'no room: 100 %25 full, sch%C3%B6n');
  const failed = await rig.call('/S/Echo', framed(Buffer.from('fail')));
  t.like(failed.headers, { 'grpc-status': '13', 'grpc-message': 'internal error' });
  t.is((rig.unexpected[0] as Error).message, 'secret');
});

test('what is no gRPC call gets an HTTP status', async (t) => {
  const rig = await Rig.open(t);
  t.is((await rig.call('/S/Echo', HELLO, { 'content-type': 'application/json' })).headers[':status'], 415);
  t.is((await rig.call('/S/Echo', HELLO, { ':method': 'PUT' })).headers[':status'], 405);
  t.is((await rig.call('/S/Echo', HELLO, { 'content-type': 'application/grpc+proto' })).headers[':status'], 200);
});

test('a compressed request is read', async (t) => {
  const rig = await Rig.open(t);
  const request = framed(gzipSync('hello'));
  request.writeUInt8(1, 0);
  t.deepEqual((await rig.call('/S/Echo', request, { 'grpc-encoding': 'gzip' })).body, HELLO);
});

test('a deadline ends a stream that is under way', async (t) => {
  const rig = await Rig.open(t);
  const { trailers, body } = await rig.call('/S/ForEver', HELLO, { 'grpc-timeout': '50m' });
  t.deepEqual(body, framed(Buffer.from('first')));
  t.is(trailers['grpc-status'], String(status.DEADLINE_EXCEEDED));
  t.true(rig.calls[0]?.signal.aborted);
});

test('a stream ends with the failure it is given, and sends nothing after it', async (t) => {
  const rig = await Rig.open(t);
  const seen = rig.call('/S/ForEver', HELLO);
  while (rig.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const [call] = rig.calls;
  call?.fail(new SpirlError('NO_IDENTITY_ISSUED', 'no identity issued'));
  call?.send(HELLO);
  call?.fail(new Error('late'));
  const { trailers, body } = await seen;
  t.like(trailers, { 'grpc-status': '7', 'grpc-message': 'no identity issued' });
  t.deepEqual(body, framed(Buffer.from('first')));
  t.deepEqual([rig.handled, rig.unexpected], [['ForEver PERMISSION_DENIED'], []]);
});

test('a cancelled call is over at once, and counted so', async (t) => {
  const rig = await Rig.open(t);
  const stream = rig.client().request({ ':method': 'POST', ':path': '/S/ForEver', 'content-type': 'application/grpc' });
  stream.on('error', () => {});
  stream.end(HELLO);
  await once(stream, 'data');
  const { signal } = rig.calls[0] as RpcCall;
  stream.close(constants.NGHTTP2_CANCEL);
  await aborted(signal);
  t.deepEqual(rig.handled, ['ForEver CANCELLED']);
  t.is(rig.server.openCalls, 0);
});

test('messages of a conversation are answered one by one', async (t) => {
  const rig = await Rig.open(t);
  const stream = rig.client().request({ ':method': 'POST', ':path': '/S/Chat', 'content-type': 'application/grpc' });
  for (const word of ['one', 'two']) {
    stream.write(framed(Buffer.from(word)));
    const [answer] = (await once(stream, 'data')) as [Buffer];
    t.deepEqual(answer, framed(Buffer.from(word)));
  }
  const trailers = once(stream, 'trailers') as Promise<[IncomingHttpHeaders]>;
  stream.end();
  t.is((await trailers)[0]['grpc-status'], '0');
});

test('a conversation that fails half-way ends with its status, though the client has not ended its part', async (t) => {
  const rig = await Rig.open(t);
  const stream = rig.client().request({ ':method': 'POST', ':path': '/S/Chat', 'content-type': 'application/grpc' });
  stream.write(HELLO);
  await once(stream, 'data');
  const trailers = once(stream, 'trailers') as Promise<[IncomingHttpHeaders]>;
  const closed = once(stream, 'close');
  stream.write(framed(Buffer.alloc(1_001)));
  t.is((await trailers)[0]['grpc-status'], String(status.RESOURCE_EXHAUSTED));
  await closed;
  t.is(rig.server.openCalls, 0);
});

test('a conversation that ends within a message fails', async (t) => {
  const rig = await Rig.open(t);
  const { headers } = await rig.call('/S/Chat', HELLO.subarray(0, 7));
  t.is(headers['grpc-status'], String(status.INVALID_ARGUMENT));
});

test('what is no gRPC call is not waited for', async (t) => {
  const rig = await Rig.open(t);
  const stream = rig.client().request({ ':method': 'POST', ':path': '/S/Echo', 'content-type': 'text/plain' });
  const closed = once(stream, 'close');
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & IncomingHttpStatusHeader];
  t.is(headers[':status'], 415);
  await closed;
  t.is(stream.rstCode, constants.NGHTTP2_NO_ERROR);
});

test('a client is told how many calls and how long headers it may send', async (t) => {
  const rig = await Rig.open(t);
  await rig.call('/S/Echo', HELLO);
  t.like(rig.client().remoteSettings, { maxConcurrentStreams: 10, maxHeaderListSize: 65_536 });
});

test('a request that does not come is not waited for', async (t) => {
  const rig = await Rig.open(t, { requestMs: 50 });
  const stream = rig.client().request({ ':method': 'POST', ':path': '/S/Echo', 'content-type': 'application/grpc' });
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  t.is(headers['grpc-status'], String(status.DEADLINE_EXCEEDED));
});

test('when calls are ended, those that still come end alike, and shutdown waits for nobody for ever', async (t) => {
  const rig = await Rig.open(t);
  const seen = rig.call('/S/ForEver', HELLO);
  while (rig.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  rig.server.endCalls(new SpirlError('UNAVAILABLE', 'stopping'));
  t.is((await seen).trailers['grpc-status'], String(status.UNAVAILABLE));
  t.is((await rig.call('/S/Echo', HELLO)).headers['grpc-status'], String(status.UNAVAILABLE));
  await rig.server.shutdown(200);
  t.is(rig.server.openCalls, 0);
});
