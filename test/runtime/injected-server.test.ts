import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import {
  credentials,
  ServerCredentials,
  connectivityState,
  makeGenericClientConstructor,
  status,
  type ChannelOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { SpirlError } from '../../src/runtime/errors.js';
import { bidiStream, serverStream, unary, type CallContext } from '../../src/runtime/grpc-adapter.js';
import { InjectedServer } from '../../src/runtime/injected-server.js';

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
  ask?: (request: string, context: CallContext) => Promise<string>;
  watch?: (request: string, write: (text: string) => void, context: CallContext) => Promise<void>;
  talk?: (requests: AsyncIterable<string>, send: (text: string) => boolean, context: CallContext) => Promise<void>;
}

/** A server whose connections are told who they are by their order. */
async function stage(t: ExecutionContext, handlers: Handlers, channelOptions: ChannelOptions = {}) {
  const unexpected: unknown[] = [];
  const onUnexpected = (error: unknown): void => void unexpected.push(error);
  const never = (): Promise<never> => Promise.reject(new Error('not expected'));
  const server = new InjectedServer({ channelOptions });
  const methods = {
    ask: unary(handlers.ask ?? never, onUnexpected),
    watch: serverStream<string, string>((request, stream, context) => {
      return (handlers.watch ?? never)(request, (answer) => void stream.write(answer), context);
    }, onUnexpected),
    talk: bidiStream<string, string>(handlers.talk ?? never, onUnexpected),
  };
  server.grpc.addService(ECHO, methods);
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    server.inject(socket, { name: `peer ${sockets.length}` });
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
  return { server, client, shutdown, unexpected, sockets };
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
  const { client, unexpected } = await stage(t, {
    ask: (request) =>
      Promise.reject(new SpirlError('INVALID_REQUEST', request === 'long' ? 'é'.repeat(1e6) : 'a\ud800\nü')),
  });
  const caller = client();
  t.like(await ask(caller, 'odd'), { code: status.INVALID_ARGUMENT, details: 'a\ufffd\nü' });
  t.is((await ask(caller, 'long')).code, status.INVALID_ARGUMENT);
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
  t.deepEqual(await read(caller.watch('ends')), { messages: ['one'], code: status.OK, details: 'OK' });
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
  const { client } = await stage(t, {
    talk: async (requests, send) => {
      for await (const request of requests) send(`${request}!`);
      send('bye');
    },
  });
  const call = client().talk();
  const ended = read(call);
  call.write('a');
  await once(call, 'data');
  call.write('b');
  call.end();
  t.deepEqual(await ended, { messages: ['a!', 'b!', 'bye'], code: status.OK, details: 'OK' });
});

test('a conversation that the server leaves early, or that fails, still has its answer and status', async (t) => {
  const { client, unexpected } = await stage(t, {
    talk: async (requests, send) => {
      for await (const request of requests) {
        if (request === 'wrong') throw new SpirlError('UNAUTHENTICATED', 'who?');
        send('enough');
        break;
      }
    },
  });
  const caller = client();
  const first = caller.talk();
  first.write('a');
  t.deepEqual(await read(first), { messages: ['enough'], code: status.OK, details: 'OK' });
  const second = caller.talk();
  second.write('wrong');
  t.deepEqual(await read(second), { messages: [], code: status.UNAUTHENTICATED, details: 'who?' });
  t.deepEqual(unexpected, []);
});

test('a client that leaves a conversation ends it without an unexpected error', async (t) => {
  let ended = false;
  const { client, unexpected } = await stage(t, {
    talk: async (requests, send) => {
      send('hello');
      try {
        for await (const request of requests) send(`more than ${request}`);
      } finally {
        ended = true;
      }
    },
  });
  const call = client().talk();
  const done = read(call);
  await once(call, 'data');
  call.cancel();
  t.is((await done).code, status.CANCELLED);
  while (!ended) await new Promise((resolve) => setImmediate(resolve));
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
  let finish = (): void => {};
  const answer = () => new Promise<string>((resolve) => (finish = () => resolve('done')));
  const { client, shutdown } = await stage(t, { ask: answer }, { 'grpc.max_connection_age_ms': 50 });
  const caller = client();
  const slow = ask(caller, 'slow');
  const ready = (): boolean => caller.getChannel().getConnectivityState(false) === connectivityState.READY;
  while (!ready()) await new Promise((resolve) => setImmediate(resolve));
  // Told that its connection is too old, the client leaves it to the call that is under way.
  while (ready()) await new Promise((resolve) => setTimeout(resolve, 5));
  const down = shutdown(5_000);
  finish();
  t.is((await slow).answer, 'done');
  await down;
});

test('a connection that died before it was injected leaves nothing behind', async (t) => {
  const { server, client, sockets } = await stage(t, { ask: () => Promise.resolve('x') });
  await ask(client(), 'x');
  const [socket] = sockets;
  socket?.destroy();
  if (socket !== undefined) await once(socket, 'close');
  if (socket !== undefined) server.inject(socket, {});
  t.is(server.connections, 0);
});

test('a call whose connection is unknown is refused before its handler runs', async (t) => {
  const { client, server, sockets } = await stage(t, { ask: () => Promise.resolve('x') });
  await ask(client(), 'known');
  const [socket] = sockets;
  t.regex(socket?.remoteAddress ?? '', /^conn:\d+$/);

  const injector = server.grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createServer((stranger) => injector.injectConnection(stranger));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const stranger = new EchoClient(
    `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    credentials.createInsecure(),
  );
  t.teardown(() => {
    stranger.close();
    listener.close();
  });
  t.is((await ask(stranger as unknown as Client, 'x')).code, status.PERMISSION_DENIED);
});
