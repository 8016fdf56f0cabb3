import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status, type ServiceError } from '@grpc/grpc-js';
import test from 'ava';
import { runNode, startDev, type Dev } from './start-dev.js';
import { fetchOnce, manyUsers, type Users } from './workloads.js';

// Callers that must be refused because of who they are on this machine. Needs root: it acts as other users.

let dev: Dev;
let users: Users;
test.before(async () => {
  dev = await startDev();
  users = await manyUsers(dev.ready.workloadSocket, dev.dir, 1);
});
test.after.always(async () => {
  users.stop();
  await dev.stop();
});

test('a user for whom the path template has no value gets no identity, and no ID with a hole', async (t) => {
  const refused = await t.throwsAsync<ServiceError>(fetchOnce(users.sockets[0] ?? ''));
  t.is(refused.code, status.PERMISSION_DENIED);
  t.regex(refused.details, /linux\.user\.name/);
});

test('another user cannot open the admin socket', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'spirl-users-'));
  const other = await manyUsers(dev.ready.adminSocket, folder, 1);
  const list = await runNode(['server-stub/bin/spirlctl.mjs', 'cluster', 'list'], { SPIRL_SERVER: other.sockets[0] });
  t.is(list.code, 1);
  other.stop();
  await rm(folder, { recursive: true });
});

test.serial('another user that gets to the admin socket all the same is refused by the kernel’s word', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'spirl-users-'));
  await chmod(dev.ready.adminSocket, 0o777);
  const other = await manyUsers(dev.ready.adminSocket, folder, 1);
  const list = await runNode(['server-stub/bin/spirlctl.mjs', 'cluster', 'list'], { SPIRL_SERVER: other.sockets[0] });
  t.deepEqual([list.code, list.stdout], [1, '']);
  t.regex(list.stderr, /uid 30000 may not administer this server/);
  other.stop();
  await chmod(dev.ready.adminSocket, 0o600);
  await rm(folder, { recursive: true });
});

test('a policy whose template lies under /spirl/ is refused with its place', async (t) => {
  const file = join(dev.dir, 'policy.yaml');
  await writeFile(
    file,
    'section: SVIDIssuancePolicy\nschema: v1\nspec:\n  policy:\n    pathTemplate: /spirl/agent/x\n',
  );
  const set = await dev.spirlctl('config', 'set', 'cluster', '--id', dev.ready.clusterId, file);
  t.is(set.code, 1);
  t.regex(set.stderr, /\/spec\/policy\/pathTemplate/);
});
