import { once } from 'node:events';
import { constants, createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect, createServer as createTlsServer } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../src/runtime/clock.js';
import { GrpcClient, type GrpcClientOptions } from '../../../src/runtime/grpc-client/grpc-client.js';
import { RpcFailure } from '../../../src/runtime/grpc-client/rpc-failure.js';
import { status } from '../../../src/runtime/grpc-code.js';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';
import { makeTlsIdentity } from '../../fakes/tls-identity.js';

const NEVER = new AbortController().signal;
const IDENTITY = await makeTlsIdentity();
const OK = { ':status': 200, 'content-type': 'application/grpc' };
const TRAILERS = { waitForTrailers: true };
const QUESTION = Buffer.from('question');

type Handler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** Listens on loopback until the test ends, together with every connection. */
async function listen(t: ExecutionContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A client of whatever listens at `port`; it ends with the test. */
function clientOf(t: ExecutionContext, port: number, options: Partial<GrpcClientOptions> = {}): GrpcClient {
  const client = new GrpcClient({
    authority: `127.0.0.1:${port}`,
    connect: () => connect({ host: '127.0.0.1', port, ca: IDENTITY.ca, ALPNProtocols: ['h2'] }),
    clock: systemClock,
    ...{ connectMs: 10_000, pauseMs: 1_000, keepaliveMs: 20_000, keepaliveTimeoutMs: 10_000 },
    maxMessageBytes: 10_000_000,
    ...options,
  });
  t.teardown(() => client.close());
  return client;
}

/** A server of one handler for all calls, with a client of it. */
async function setUp(t: ExecutionContext, handler: Handler, options: Partial<GrpcClientOptions> = {}) {
  const server = createSecureServer({ key: IDENTITY.key, cert: IDENTITY.cert });
  let sessions = 0;
  server.on('session', (session) => {
    sessions++;
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    handler(stream, headers);
  });
  const port = await listen(t, server);
  return { port, client: clientOf(t, port, options), sessions: () => sessions };
}

/** Answers with these messages, then this status. */
function answer(stream: ServerHttp2Stream, messages: readonly Buffer[], trailers: Record<string, string>): void {
  stream.respond(OK, TRAILERS);
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  for (const message of messages) stream.write(framed(message));
  stream.end();
}

const echo: Handler = (stream) => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => answer(stream, [Buffer.concat(chunks).subarray(5)], { 'grpc-status': '0' }));
};

async function failureOf(call: Promise<unknown>): Promise<RpcFailure> {
  try {
    await call;
  } catch (error) {
    if (error instanceof RpcFailure) return error;
    throw error;
  }
  throw new Error('the call did not fail');
}

test('one message for one, many at a time on one connection, of any size', async (t) => {
  const { client, sessions } = await setUp(t, echo);
  const requests = [0, 1, 16_384, 70_000, 5_000_000].map((length) => Buffer.alloc(length, 'x'));
  const answers = await Promise.all(requests.map((request) => client.unary('/s/m', request, NEVER)));
  t.deepEqual(
    answers.map(({ length }) => length),
    requests.map(({ length }) => length),
  );
  t.is(sessions(), 1);
});

test('a call says what gRPC asks for', async (t) => {
  const seen: IncomingHttpHeaders[] = [];
  const { client, port } = await setUp(t, (stream, headers) => {
    seen.push(headers);
    echo(stream, headers);
  });
  await client.unary('/s/m', QUESTION, NEVER);
  const [headers = {}] = seen;
  t.like(headers, { ':method': 'POST', ':path': '/s/m', ':scheme': 'https', te: 'trailers' });
  t.like(headers, { ':authority': `127.0.0.1:${port}`, 'content-type': 'application/grpc' });
});

const ENDS: readonly { name: string; handler: Handler; code: number; details: RegExp }[] = [
  {
    name: 'a status in the trailers',
    handler: (stream) => answer(stream, [], { 'grpc-status': '7', 'grpc-message': 'n%C3%B6 100%25' }),
    ...{ code: status.PERMISSION_DENIED, details: /^nö 100%$/ },
  },
  {
    name: 'a status after a message',
    handler: (stream) => answer(stream, [QUESTION], { 'grpc-status': '13', 'grpc-message': 'torn %zz' }),
    ...{ code: status.INTERNAL, details: /^torn %zz$/ },
  },
  {
    name: 'a status with the headers',
    handler: (stream) => stream.respond({ ...OK, 'grpc-status': '16', 'grpc-message': 'no' }, { endStream: true }),
    ...{ code: status.UNAUTHENTICATED, details: /^no$/ },
  },
  {
    name: 'no status at all',
    handler: (stream) => answer(stream, [QUESTION], { other: '1' }),
    ...{ code: status.UNKNOWN, details: /^$/ },
  },
  {
    name: 'a status that is no number',
    handler: (stream) => answer(stream, [], { 'grpc-status': 'x' }),
    ...{ code: status.UNKNOWN, details: /^$/ },
  },
  {
    name: 'two messages',
    handler: (stream) => answer(stream, [QUESTION, QUESTION], { 'grpc-status': '0' }),
    ...{ code: status.INTERNAL, details: /got two/ },
  },
  {
    name: 'no message',
    handler: (stream) => answer(stream, [], { 'grpc-status': '0' }),
    ...{ code: status.INTERNAL, details: /got none/ },
  },
  {
    name: 'a torn message',
    handler: (stream) => {
      stream.respond(OK, TRAILERS);
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(framed(QUESTION).subarray(0, 8));
    },
    ...{ code: status.INTERNAL, details: /ends within a message/ },
  },
  {
    name: 'a message that is too long',
    handler: (stream) => answer(stream, [Buffer.alloc(1_001)], { 'grpc-status': '0' }),
    ...{ code: status.RESOURCE_EXHAUSTED, details: /cannot be read.*1000 bytes/ },
  },
  {
    name: 'an unknown encoding',
    handler: (stream) => stream.respond({ ...OK, 'grpc-encoding': 'zstd' }),
    ...{ code: status.INTERNAL, details: /cannot be read/ },
  },
  {
    name: 'an answer of a web server',
    handler: (stream) => {
      stream.respond({ ':status': 401, 'content-type': 'text/html' });
      stream.end('<p>log in</p>');
    },
    ...{ code: status.UNAUTHENTICATED, details: /HTTP 401, text\/html/ },
  },
  {
    name: 'a reset',
    handler: (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
    ...{ code: status.INTERNAL, details: /./ },
  },
  {
    name: 'a reset of a server that is flooded',
    handler: (stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
    ...{ code: status.RESOURCE_EXHAUSTED, details: /./ },
  },
  {
    name: 'the end of the connection',
    handler: (stream) => stream.session?.destroy(),
    ...{ code: status.UNAVAILABLE, details: /./ },
  },
];

for (const { name, handler, code, details } of ENDS) {
  test(`how a call ends: ${name}`, async (t) => {
    const { client } = await setUp(t, handler, { maxMessageBytes: 1_000 });
    const failure = await failureOf(client.unary('/s/m', QUESTION, NEVER));
    t.is(failure.code, code);
    t.regex(failure.details, details);
  });
}

test('both sides talk as they like, and the end is the server’s status', async (t) => {
  const { client } = await setUp(t, (stream) => {
    stream.respond(OK, TRAILERS);
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '10', 'grpc-message': 'enough' }));
    stream.on('data', (chunk: Buffer) => stream.write(chunk));
    stream.on('end', () => stream.end());
  });
  const call = await client.open('/s/m', NEVER);
  const answers = call.messages();
  for (const word of ['a', 'b', 'c']) {
    await new Promise<void>((taken) => call.send(Buffer.from(word), taken));
    t.is(String((await answers.next()).value), word);
  }
  call.end();
  const failure = await failureOf(answers.next());
  t.like(failure, { code: status.ABORTED, details: 'enough' });
  call.send(Buffer.from('late'));
  call.cancel();
});

test('a call ends with its signal, and the server hears of it', async (t) => {
  const stop = new AbortController();
  let heard = (_code: number): void => {};
  const reset = new Promise<number>((resolve) => (heard = resolve));
  const { client } = await setUp(t, (stream) => {
    stream.on('close', () => heard(stream.rstCode));
    stop.abort(new Error('enough'));
  });
  await t.throwsAsync(client.unary('/s/m', QUESTION, stop.signal), { message: 'enough' });
  await t.throwsAsync(client.unary('/s/m', QUESTION, stop.signal), { message: 'enough' });
  t.is(await reset, constants.NGHTTP2_CANCEL);
});

test('a call that a closing connection refuses unseen goes out again on the next one', async (t) => {
  let calls = 0;
  const { client, sessions } = await setUp(
    t,
    (stream, headers) => {
      if (++calls > 1) {
        echo(stream, headers);
        return;
      }
      stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 0);
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
    },
    { pauseMs: 0 },
  );
  t.deepEqual(await client.unary('/s/m', QUESTION, NEVER), QUESTION);
  t.deepEqual([calls, sessions()], [2, 2]);
});

test('a call that is refused again and again fails', async (t) => {
  let calls = 0;
  const { client } = await setUp(t, (stream) => {
    calls++;
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
  t.like(await failureOf(client.unary('/s/m', QUESTION, NEVER)), { code: status.UNAVAILABLE });
  t.is(calls, 3);
});

test('a server that goes finishes what it has begun, and new calls go to a new connection', async (t) => {
  let finish = (): void => {};
  const { client, sessions } = await setUp(
    t,
    (stream, headers) => {
      if (headers[':path'] !== '/s/slow') {
        echo(stream, headers);
        return;
      }
      finish = () => echo(stream, headers);
      stream.session?.close();
    },
    { pauseMs: 0 },
  );
  const slow = client.unary('/s/slow', QUESTION, NEVER);
  while (sessions() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.deepEqual(await client.unary('/s/m', QUESTION, NEVER), QUESTION);
  t.is(sessions(), 2);
  finish();
  t.deepEqual(await slow, QUESTION);
});

test('without a server calls fail with the reason, at once for a while, and then somebody tries again', async (t) => {
  const clock = new FakeClock();
  let attempts = 0;
  const port = await listen(
    t,
    createTcpServer((socket) => socket.destroy()),
  );
  const client = clientOf(t, port, {
    clock,
    connect: () => {
      attempts++;
      return connect({ host: '127.0.0.1', port, ca: IDENTITY.ca, ALPNProtocols: ['h2'] });
    },
  });
  const failures = await Promise.all([1, 2, 3].map(() => failureOf(client.unary('/s/m', QUESTION, NEVER))));
  for (const { code, details } of failures) t.deepEqual([code, details !== ''], [status.UNAVAILABLE, true]);
  t.is((await failureOf(client.unary('/s/m', QUESTION, NEVER))).code, status.UNAVAILABLE);
  t.is(attempts, 1);
  await clock.advance(1_000);
  await failureOf(client.unary('/s/m', QUESTION, NEVER));
  t.is(attempts, 2);
});

test('a certificate of a stranger is refused with the reason', async (t) => {
  const { port } = await setUp(t, echo);
  const client = clientOf(t, port, { connect: () => connect({ host: '127.0.0.1', port, ALPNProtocols: ['h2'] }) });
  const failure = await failureOf(client.unary('/s/m', QUESTION, NEVER));
  t.is(failure.code, status.UNAVAILABLE);
  t.regex(failure.details, /certificate/);
});

test('a TLS server that does not speak HTTP/2 is told as that', async (t) => {
  const server = createTlsServer({ key: IDENTITY.key, cert: IDENTITY.cert });
  const client = clientOf(t, await listen(t, server));
  t.regex((await failureOf(client.unary('/s/m', QUESTION, NEVER))).details, /does not speak HTTP\/2/);
});

test('a connection that does not come in time is given up', async (t) => {
  const clock = new FakeClock();
  const client = clientOf(t, await listen(t, createTcpServer()), { clock });
  const failure = failureOf(client.unary('/s/m', QUESTION, NEVER));
  while (clock.sleeping === 0) await flush();
  await clock.advance(10_000);
  t.like(await failure, { code: status.UNAVAILABLE, details: 'no connection in time' });
});

test('a server that answers its pings stays', async (t) => {
  const clock = new FakeClock();
  const { client, sessions } = await setUp(t, echo, { clock });
  for (let round = 0; round < 4; round++) {
    // The ping goes out before the call, and is answered before it.
    if (round > 0) await clock.advance(20_000);
    t.deepEqual(await client.unary('/s/m', QUESTION, NEVER), QUESTION);
    await flush();
  }
  t.is(sessions(), 1);
});

test('closing ends the calls and the connection, and nothing begins after it', async (t) => {
  const { client } = await setUp(t, () => {});
  const call = await client.open('/s/m', NEVER);
  const ended = failureOf(call.messages().next());
  client.close();
  t.is((await ended).code, status.UNAVAILABLE);
  t.is((await failureOf(client.unary('/s/m', QUESTION, NEVER))).code, status.CANCELLED);

  const connecting = clientOf(t, await listen(t, createTcpServer()));
  const waiting = failureOf(connecting.unary('/s/m', QUESTION, NEVER));
  connecting.close();
  t.is((await waiting).code, status.CANCELLED);
});
