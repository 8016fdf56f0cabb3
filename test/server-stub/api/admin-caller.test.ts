import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { AdminCaller, adminMethods } from '../../../server-stub/src/api/admin-caller.js';
import { AdminListener } from '../../../server-stub/src/api/admin-listener.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import { FakeCall } from '../../fakes/fake-call.js';
import { loadService } from '../../../src/runtime/load-proto.js';

const service = loadService('spirl/admin/v1/bundle.proto', 'com.spirl.api.v1.bundle.API');
const callers: { name: string; uid: number; ownUid: number; allowed: boolean }[] = [
  { name: 'root', uid: 0, ownUid: 1000, allowed: true },
  { name: "the server's own user", uid: 1000, ownUid: 1000, allowed: true },
  { name: 'another user', uid: 1001, ownUid: 1000, allowed: false },
  { name: 'another user of a server that runs as root', uid: 1000, ownUid: 0, allowed: false },
];

/** Asks as this caller; the operator's name. */
async function ask(peer: object): Promise<string> {
  const [served] = adminMethods(service.definition, {
    GetTrustBundle: (_: object, { operator }) => ({ trustDomain: operator.name }),
  });
  if (served?.[1].type !== 'unary') throw new Error('not the method');
  const answer = await served[1].serve(Buffer.alloc(0), new FakeCall(peer));
  const method = service.definition['GetTrustBundle'];
  return (method?.responseDeserialize(answer.subarray(5)) as { trustDomain: string }).trustDomain;
}

for (const { name, uid, ownUid, allowed } of callers) {
  test(`the admin API ${allowed ? 'serves' : 'refuses'} ${name}`, async (t) => {
    const asking = ask(new AdminCaller({ uid, pid: 1 }, ownUid));
    if (allowed) t.is(await asking, `uid:${uid}`);
    else
      await t.throwsAsync(asking, {
        code: 'NOT_AUTHORIZED',
        message: `uid ${uid} may not administer this server: only root and its own user may`,
      });
  });
}

test('a connection that the listener did not vouch for is refused', async (t) => {
  await t.throwsAsync(ask({ uid: 0, allowed: true }), {
    code: 'NOT_AUTHORIZED',
    message: 'caller cannot be identified',
  });
});

test('the socket is for its owner alone, and is gone after the end', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'admin-'));
  const path = join(dir, 'run/admin.sock');
  const listener = new AdminListener({
    ...{ path, ownUid: 0, clock: systemClock, logger: silentLogger, methods: [] },
    onUnexpected: (error) => t.fail(String(error)),
  });
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
