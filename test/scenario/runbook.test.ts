import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { run, startDev, type Dev } from './start-dev.js';

// The rotation runbook, command by command: what an operator types and what it answers, to the letter.

let dev: Dev;
test.before(async () => {
  dev = await startDev();
});
test.after.always(() => dev.stop());

const ROW =
  /^(X\.509|JWT) {2,}(ks_[a-z0-9]{10}) {2,}(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC) {2,}(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC) {2,}(Active|Prepared|Tainted)$/;

const where = ['--trust-domain', 'example.org', '--deployment-name', 'default'];
const keyset = (...args: string[]) => dev.spirlctl('trust-domain', 'deployment', 'keyset', ...args, ...where);

async function list(): Promise<{ type: string; id: string; state: string }[]> {
  const { code, stdout, stderr } = await keyset('list');
  if (code !== 0) throw new Error(stderr);
  const [deployment, title, header, ...rows] = stdout.trimEnd().split('\n');
  if (deployment !== 'Deployment: default' || title !== 'Signing Keys:') throw new Error(stdout);
  if (!/^Type {2,}Keyset ID {2,}Issued At {2,}Expires At {2,}State$/.test(header ?? '')) throw new Error(stdout);
  return rows.map((row) => {
    const [, type, id, , , state] = ROW.exec(row.trimEnd()) ?? [];
    if (type === undefined || id === undefined || state === undefined) throw new Error(`not a row: ${row}`);
    return { type, id, state };
  });
}

async function metric(url: string, name: string, labels: string): Promise<number> {
  const text = await (await fetch(url)).text();
  const line = text
    .split('\n')
    .find((l) => l.startsWith(`${name}{`) && l.includes(labels) && l.includes('status_code="OK"'));
  return Number(line?.split(' ').at(-1) ?? 0);
}

const minted = () => metric(dev.ready.serverMetrics, 'spirl_server_mint_svid_total', 'svid_type="x509"');
const agentMinted = () => metric(dev.ready.agentMetrics, 'spirl_agent_mint_svid_total', 'svid_type="x509"');

test.serial('the rotation runbook, word for word', async (t) => {
  // A workload with an open stream, so that there is something to renew.
  const jwt = await dev.spirldbg('svid-jwt', '--audience', 'verifier', '-o', 'json');
  t.is(jwt.code, 0, jwt.stderr);
  const token = (JSON.parse(jwt.stdout) as { svids: { svid: string }[] }).svids[0]?.svid ?? '';
  const oldSvid = join(dev.dir, 'old');
  t.is((await dev.spirldbg('svid-x509', '--write', oldSvid)).code, 0);

  // Step 1
  const before = await list();
  t.deepEqual(
    before.map(({ type, state }) => [type, state]),
    [
      ['X.509', 'Active'],
      ['JWT', 'Active'],
    ],
  );
  const oldId = before[0]?.id ?? '';
  t.is(before[1]?.id, oldId);

  // Step 2
  const prepared = await keyset('prepare');
  t.is(prepared.code, 0, prepared.stderr);
  const newId = /^Keyset (ks_[a-z0-9]{10}) prepared\.\n$/.exec(prepared.stdout)?.[1] ?? '';
  t.truthy(newId, prepared.stdout);
  t.deepEqual(await list(), [
    { type: 'X.509', id: newId, state: 'Prepared' },
    { type: 'JWT', id: newId, state: 'Prepared' },
    { type: 'X.509', id: oldId, state: 'Active' },
    { type: 'JWT', id: oldId, state: 'Active' },
  ]);

  // Both refusals of the troubleshooting section, the first one before the active keyset stepped down.
  const taintActive = await keyset('taint', oldId);
  t.deepEqual(
    [taintActive.code, taintActive.stdout, taintActive.stderr],
    [1, '', 'Error: cannot taint active key set\n'],
  );

  // Step 3
  const activated = await keyset('activate', newId);
  t.deepEqual([activated.code, activated.stdout], [0, `Keyset ${newId} activated.\n`]);
  t.deepEqual(
    (await list()).map(({ id, state }) => [id, state]),
    [
      [newId, 'Active'],
      [newId, 'Active'],
      [oldId, 'Prepared'],
      [oldId, 'Prepared'],
    ],
  );

  // Step 4
  const [mintsBefore, agentBefore] = [await minted(), await agentMinted()];
  const tainted = await keyset('taint', oldId);
  t.deepEqual([tainted.code, tainted.stdout], [0, `Keyset ${oldId} tainted.\n`]);
  const again = await keyset('activate', oldId);
  t.deepEqual([again.code, again.stdout, again.stderr], [1, '', 'Error: cannot activate tainted key set\n']);

  // Step 5: the wave comes within 60 s + N/20, and both counters are at rest again afterwards.
  await new Promise((resolve) => setTimeout(resolve, 66_000));
  const [mintsAfter, agentAfter] = [await minted(), await agentMinted()];
  t.true(mintsAfter > mintsBefore, `${mintsBefore} -> ${mintsAfter}`);
  t.is(mintsAfter - mintsBefore, agentAfter - agentBefore, 'each mint counts once on both sides');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  t.is(await minted(), mintsAfter);

  // Step 6
  const removed = await keyset('remove', oldId);
  t.deepEqual([removed.code, removed.stdout], [0, `Keyset ${oldId} removed.\n`]);
  t.deepEqual(await list(), [
    { type: 'X.509', id: newId, state: 'Active' },
    { type: 'JWT', id: newId, state: 'Active' },
  ]);

  // What the removed keyset signed is refused by whoever has the new bundle.
  const refused = await dev.spirldbg('validate', '--audience', 'verifier', token);
  t.is(refused.code, 1, refused.stdout);
  const bundle = await dev.spirldbg('bundle', '--format', 'pem');
  const bundleFile = join(dev.dir, 'new-bundle.pem');
  await writeFile(bundleFile, bundle.stdout);
  t.not((await run('openssl', ['verify', '-CAfile', bundleFile, join(oldSvid, 'svid.pem')])).code, 0);
  const fresh = join(dev.dir, 'fresh');
  t.is((await dev.spirldbg('svid-x509', '--write', fresh)).code, 0);
  const verified = await run('openssl', ['verify', '-CAfile', bundleFile, join(fresh, 'svid.pem')]);
  t.is(verified.code, 0, verified.stderr);
});

test.serial('of two mutations at once the second fails at once, with the sentence of the runbook', async (t) => {
  // A stopped agent acknowledges nothing, so the first command is still publishing when the second one comes.
  process.kill(dev.ready.agentPid, 'SIGSTOP');
  try {
    const first = keyset('prepare');
    const startedAt = Date.now();
    for (;;) {
      const { stdout } = await dev.spirlctl('trust-domain', 'info', '-o', 'json');
      if (stdout.includes('STATE_PREPARED') || Date.now() - startedAt > 8_000) break;
    }
    const second = await keyset('prepare');
    t.deepEqual(
      [second.code, second.stdout, second.stderr],
      [1, '', 'The request failed due to an internal error, please try again.\n'],
    );
    t.is((await first).code, 0, 'one stuck agent delays a command by 10 s, it does not fail it');
  } finally {
    process.kill(dev.ready.agentPid, 'SIGCONT');
  }
});
