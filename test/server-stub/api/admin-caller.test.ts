import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import test from 'ava';
import { AdminCaller, adminMethod } from '../../../server-stub/src/api/admin-caller.js';
import { AdminListener } from '../../../server-stub/src/api/admin-listener.js';
import { InjectedServer } from '../../../src/runtime/injected-server.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import { loadService } from '../../../src/runtime/load-proto.js';

const service = loadService('spirl/admin/v1/bundle.proto', 'com.spirl.api.v1.bundle.API');
const callers: { name: string; uid: number; ownUid: number; allowed: boolean }[] = [
  { name: 'root', uid: 0, ownUid: 1000, allowed: true },
  { name: "the server's own user", uid: 1000, ownUid: 1000, allowed: true },
  { name: 'another user', uid: 1001, ownUid: 1000, allowed: false },
  { name: 'another user of a server that runs as root', uid: 1000, ownUid: 0, allowed: false },
];

/** Asks a server whose connections all have this caller; returns the gRPC code and the operator's name. */
async function ask(peer: object): Promise<{ code: number; details: string }> {
  const server = new InjectedServer();
  server.grpc.addService(service.definition, {
    GetTrustBundle: adminMethod<object, object>(
      (_, { operator }) => ({ trustDomain: operator.name }),
      () => {},
    ),
  });
  const dir = await mkdtemp(join(tmpdir(), 'admin-'));
  const path = join(dir, 's');
  const listener = createServer((socket: Socket) => server.inject(socket, peer)).listen(path);
  await once(listener, 'listening');
  const client = new service.client(`unix:${path}`, credentials.createInsecure());
  type Call = (request: object, done: (error: ServiceError | null, answer: { trustDomain: string }) => void) => void;
  try {
    return await new Promise((resolve) => {
      (client['GetTrustBundle'] as unknown as Call).call(client, {}, (error, answer) =>
        resolve(error ?? { code: status.OK, details: answer.trustDomain }),
      );
    });
  } finally {
    client.close();
    listener.close();
    await server.shutdown(0);
    await rm(dir, { recursive: true });
  }
}

for (const { name, uid, ownUid, allowed } of callers) {
  test(`the admin API ${allowed ? 'serves' : 'refuses'} ${name}`, async (t) => {
    const { code, details } = await ask(new AdminCaller({ uid, pid: 1 }, ownUid));
    t.is(code, allowed ? status.OK : status.PERMISSION_DENIED);
    t.regex(details, allowed ? new RegExp(`^uid:${uid}$`) : new RegExp(`^uid ${uid} may not administer this server`));
  });
}

test('a connection that the listener did not vouch for is refused', async (t) => {
  t.like(await ask({ uid: 0, allowed: true }), {
    code: status.PERMISSION_DENIED,
    details: 'caller cannot be identified',
  });
});

test('the socket is for its owner alone, and is gone after the end', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'admin-'));
  const path = join(dir, 'run/admin.sock');
  const listener = new AdminListener({ path, ownUid: 0, logger: silentLogger });
  await listener.listen();
  t.is((await stat(path)).mode & 0o777, 0o600);
  const stop = new AbortController();
  const running = listener.run(stop.signal);
  const idle = connect(path);
  await once(idle, 'connect');
  stop.abort();
  await running;
  await t.throwsAsync(stat(path));
  await rm(dir, { recursive: true });
});
