import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import {
  credentials,
  connectivityState,
  makeGenericClientConstructor,
  status,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../src/runtime/clock.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { GrpcServer } from '../../../src/runtime/grpc-server/grpc-server.js';
import type { RpcCall, RpcMethod } from '../../../src/runtime/rpc-method.js';
import { UNOBSERVED } from '../../../src/runtime/rpc-observer.js';

const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() };
const method = (path: string, requestStream: boolean, responseStream: boolean): ServiceDefinition[string] => ({
  path: `/test.Echo/${path}`,
  requestStream,
  responseStream,
  requestSerialize: text.serialize,
  requestDeserialize: text.deserialize,
  responseSerialize: text.serialize,
  responseDeserialize: text.deserialize,
});
const ECHO: ServiceDefinition = {
  ask: method('Ask', false, false),
  watch: method('Watch', false, true),
  talk: method('Talk', true, true),
};
const EchoClient = makeGenericClientConstructor(ECHO, 'Echo');
type Done = (error: ServiceError | null, answer?: string) => void;
interface Client {
  ask(request: string, done: Done): void;
  watch(request: string): ClientReadableStream<string>;
  talk(): ClientDuplexStream<string, string>;
  getChannel(): { getConnectivityState(connect: boolean): connectivityState };
  close(): void;
}

interface Handlers {
  ask?: (request: string, call: RpcCall) => Promise<string>;
  watch?: (request: string, write: (text: string) => void, call: RpcCall) => Promise<void>;
  /** What is said to each message; `undefined`: good-bye. */
  talk?: (request: string, call: RpcCall) => string | undefined;
}

const LIMITS = {
  ...{ maxRequestBytes: 1_000_000, streamsPerConnection: 10, openingMs: 10_000, requestMs: 10_000 },
  ...{ keepaliveMs: 60_000, keepaliveTimeoutMs: 10_000, idleMs: 60_000 },
};

const frameOf = (answer: string): Buffer => framed(Buffer.from(answer));

function methodsOf({ ask, watch, talk }: Handlers): Map<string, RpcMethod> {
  const never = (): Promise<never> => Promise.reject(new Error('not expected'));
  return new Map<string, RpcMethod>([
    [
      '/test.Echo/Ask',
      { type: 'unary', serve: async (bytes, call) => frameOf(await (ask ?? never)(bytes.toString(), call)) },
    ],
    [
      '/test.Echo/Watch',
      {
        type: 'server_stream',
        serve: (bytes, call) => (watch ?? never)(bytes.toString(), (answer) => call.send(frameOf(answer)), call),
      },
    ],
    [
      '/test.Echo/Talk',
      {
        type: 'bidi_stream',
        open: (call) => ({
          message: (bytes) => {
            const answer = talk?.(bytes.toString(), call);
            if (answer === undefined) call.end();
            else call.send(frameOf(answer));
          },
          halfClosed: () => {
            call.send(frameOf('bye'));
            call.end();
          },
          over: () => {},
        }),
      },
    ],
  ]);
}

/** A server whose connections are told who they are by their order. */
async function stage(t: ExecutionContext, handlers: Handlers) {
  const unexpected: unknown[] = [];
  const server = new GrpcServer({
    methods: methodsOf(handlers),
    admit: () => () => {},
    observer: UNOBSERVED,
    onUnexpected: (error) => void unexpected.push(error),
    clock: systemClock,
    limits: LIMITS,
  });
  const sockets: Socket[] = [];
  const connections: { leave(): void }[] = [];
  const listener = createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    const connection = server.serve(socket, { name: `peer ${sockets.length}` });
    if (connection !== undefined) connections.push(connection);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = (): Client => {
    const made = new EchoClient(`127.0.0.1:${(listener.address() as AddressInfo).port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    }) as unknown as Client;
    t.teardown(() => made.close());
    return made;
  };
  const shutdown = async (graceMs = 200): Promise<void> => {
    listener.close();
    await server.shutdown(graceMs);
  };
  t.teardown(() => shutdown());
  return { server, client, shutdown, unexpected, sockets, connections };
}

interface Outcome {
  readonly code: status;
  readonly details: string;
  readonly answer: string | undefined;
}

function ask(client: Client, request: string): Promise<Outcome> {
  return new Promise((resolve) => {
    client.ask(request, (error, answer) =>
      resolve({ code: error?.code ?? status.OK, details: error?.details ?? '', answer }),
    );
  });
}

/** All messages of a stream and how it ended. */
async function read(
  call: ClientReadableStream<string>,
): Promise<{ messages: string[]; code: status; details: string }> {
  const messages: string[] = [];
  call.on('data', (message: string) => messages.push(message));
  call.on('error', () => {});
  const { code, details } = await new Promise<{ code: status; details: string }>((resolve) =>
    call.on('status', resolve),
  );
  return { messages, code, details };
}

test('each call sees the peer of its own connection', async (t) => {
  const { client } = await stage(t, {
    ask: (request, { peer }) => Promise.resolve(`${request} of ${(peer as { name: string }).name}`),
  });
  const [first, second] = [client(), client()];
  t.is((await ask(first, 'a')).answer, 'a of peer 1');
  t.is((await ask(second, 'b')).answer, 'b of peer 2');
  const answers = await Promise.all([ask(first, 'c'), ask(second, 'd'), ask(first, 'e')]);
  t.deepEqual(
    answers.map(({ answer }) => answer),
    ['c of peer 1', 'd of peer 2', 'e of peer 1'],
  );
});

test('expected failures keep their sentence, others are internal errors and are reported', async (t) => {
  const { client, unexpected } = await stage(t, {
    ask: (request) =>
      Promise.reject(request === 'known' ? new SpirlError('NOT_FOUND', 'no such thing') : new Error('/etc/secret')),
    watch: () => Promise.reject(new SpirlError('LIMIT_REACHED', 'too many')),
  });
  const caller = client();
  t.like(await ask(caller, 'known'), { code: status.NOT_FOUND, details: 'no such thing' });
  t.like(await ask(caller, 'other'), { code: status.INTERNAL, details: 'internal error' });
  t.like(await read(caller.watch('x')), { code: status.RESOURCE_EXHAUSTED, details: 'too many', messages: [] });
  t.is(unexpected.length, 1);
});

test('a sentence with odd characters, or a long one, arrives', async (t) => {
  const sentences = { odd: 'a\ud800\nü', long: 'é'.repeat(1e6), pairs: `x${'😀'.repeat(1e4)}` };
  const { client, unexpected } = await stage(t, {
    ask: (request) => Promise.reject(new SpirlError('INVALID_REQUEST', sentences[request as keyof typeof sentences])),
  });
  const caller = client();
  t.like(await ask(caller, 'odd'), { code: status.INVALID_ARGUMENT, details: 'a\ufffd\nü' });
  for (const name of ['long', 'pairs'] as const) {
    const { code, details } = await ask(caller, name);
    t.is(code, status.INVALID_ARGUMENT);
    t.true(details.length > 1_000 && sentences[name].startsWith(details), name);
  }
  t.deepEqual(unexpected, []);
});

test('a stream ends when its method returns, fails or its client goes', async (t) => {
  let gone = 0;
  const { client } = await stage(t, {
    watch: async (request, write, { signal }) => {
      write('one');
      if (request === 'ends') return;
      if (request === 'fails') throw new SpirlError('UNAVAILABLE', 'later');
      await once(signal, 'abort');
      gone += 1;
    },
  });
  const caller = client();
  t.deepEqual(await read(caller.watch('ends')), { messages: ['one'], code: status.OK, details: '' });
  t.deepEqual(await read(caller.watch('fails')), { messages: ['one'], code: status.UNAVAILABLE, details: 'later' });
  const call = caller.watch('waits');
  const ended = read(call);
  await once(call, 'data');
  call.cancel();
  t.is((await ended).code, status.CANCELLED);
  while (gone === 0) await new Promise((resolve) => setImmediate(resolve));
  t.is(gone, 1);
});

test('a conversation: in turns, until the client half-closes', async (t) => {
  const { client } = await stage(t, { talk: (request) => `${request}!` });
  const call = client().talk();
  const ended = read(call);
  call.write('a');
  await once(call, 'data');
  call.write('b');
  call.end();
  t.deepEqual(await ended, { messages: ['a!', 'b!', 'bye'], code: status.OK, details: '' });
});

test('a conversation that the server leaves early, or that fails, still has its answer and status', async (t) => {
  const { client, unexpected } = await stage(t, {
    talk: (request, call) => {
      if (request === 'wrong') throw new SpirlError('UNAUTHENTICATED', 'who?');
      call.send(frameOf('enough'));
      return undefined;
    },
  });
  const caller = client();
  const first = caller.talk();
  first.write('a');
  t.deepEqual(await read(first), { messages: ['enough'], code: status.OK, details: '' });
  const second = caller.talk();
  second.write('wrong');
  t.deepEqual(await read(second), { messages: [], code: status.UNAUTHENTICATED, details: 'who?' });
  t.deepEqual(unexpected, []);
});

test('a client that leaves a conversation ends it without an unexpected error', async (t) => {
  const calls: RpcCall[] = [];
  const { client, unexpected } = await stage(t, {
    talk: (_, call) => {
      calls.push(call);
      return 'hello';
    },
  });
  const call = client().talk();
  const done = read(call);
  call.write('a');
  await once(call, 'data');
  call.cancel();
  t.is((await done).code, status.CANCELLED);
  while (calls[0]?.isGone !== true) await new Promise((resolve) => setImmediate(resolve));
  calls[0].send(frameOf('to nobody'));
  t.deepEqual(unexpected, []);
});

test('shutdown lets calls end within the grace time and destroys the others', async (t) => {
  let finish = (): void => {};
  const { client, server, shutdown } = await stage(t, {
    ask: async (request) => {
      if (request === 'slow') await new Promise<void>((resolve) => (finish = resolve));
      return 'done';
    },
    watch: () => new Promise(() => {}),
  });
  const caller = client();
  await ask(caller, 'connect');
  const slow = ask(caller, 'slow');
  const stuck = read(client().watch('for ever'));
  while (server.connections < 2) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const down = shutdown(300);
  finish();
  t.is((await slow).answer, 'done');
  await down;
  t.is((await stuck).code, status.UNAVAILABLE);
  while (server.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  t.is(server.connections, 0);
});

test('shutdown also lets calls end whose connection is closing already', async (t) => {
  let finish: (() => void) | undefined;
  const answer = () => new Promise<string>((resolve) => (finish = () => resolve('done')));
  const { client, shutdown, connections } = await stage(t, { ask: answer });
  const caller = client();
  const slow = ask(caller, 'slow');
  while (finish === undefined) await new Promise((resolve) => setImmediate(resolve));
  connections[0]?.leave();
  const ready = (): boolean => caller.getChannel().getConnectivityState(false) === connectivityState.READY;
  // Told to go, the client leaves the connection to the call that is under way.
  while (ready()) await new Promise((resolve) => setTimeout(resolve, 5));
  const down = shutdown(5_000);
  finish();
  t.is((await slow).answer, 'done');
  await down;
});

test('a connection that died before it was served leaves nothing behind', async (t) => {
  const { server, client, sockets } = await stage(t, { ask: () => Promise.resolve('x') });
  await ask(client(), 'x');
  const [socket] = sockets;
  socket?.destroy();
  if (socket !== undefined) await once(socket, 'close');
  t.is(socket === undefined ? undefined : server.serve(socket, {}), undefined);
  t.is(server.connections, 0);
});
