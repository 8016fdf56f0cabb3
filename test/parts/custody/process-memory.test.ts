import { spawn } from 'node:child_process';
import { createECDH, createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { CUSTODIES } from './custodies.js';
import { LabDeployment, sectionOf } from './lab-deployment.js';
import { Cleanup, startLab, type Lab } from './lab.js';
import { formsOfScalar, searchBytes, searchMemory } from './process-memory.js';
import { unseal } from './unsealed-keys.js';

// What a core and a heap snapshot of a running server hold. The test knows the keys: it opens the sealed records, or the files of the token.

let lab: Lab;
const cleanup = new Cleanup();
test.before(async () => {
  lab = await startLab();
});
test.after.always(async () => {
  await cleanup.all();
  await lab.stop();
});

/** Node writes a snapshot of the heap on this signal; nothing of it is in the server's own code. */
const snapshotOptions = (directory: string) => `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${directory}`;

async function heapOf(pid: number, directory: string): Promise<Buffer> {
  const before = new Set(await readdir(directory));
  process.kill(pid, 'SIGUSR2');
  for (let waited = 0, size = -1; waited < 60_000; waited += 500) {
    await delay(500);
    const name = (await readdir(directory)).find((file) => file.endsWith('.heapsnapshot') && !before.has(file));
    if (name === undefined) continue;
    const bytes = await readFile(join(directory, name));
    if (bytes.length === size && bytes.subarray(-4).toString().trimEnd().endsWith('}')) return bytes;
    size = bytes.length;
  }
  throw new Error('no snapshot of the heap after a minute');
}

/** A server that has signed X.509 and JWT with two keysets and has made a third. */
async function signingServer(custody: 'sealed' | 'webhook') {
  const provided = await CUSTODIES[custody](lab, cleanup);
  const { extension } = provided;
  const sections = extension === undefined ? [] : [sectionOf('KeyManager', extension)];
  const heaps = await cleanup.folder();
  const env = { ...provided.env, NODE_OPTIONS: snapshotOptions(heaps) };
  const deployment = await LabDeployment.make(lab, cleanup, [{ ...provided, env }], sections);
  await deployment.start();
  await deployment.startAgent();
  await deployment.verify();
  await deployment.rotate();
  await deployment.keysetDone('prepare');
  return { deployment, provided, heaps };
}

/** SHA-256 of the SubjectPublicKeyInfo, as `keyset list -o json` tells it of JWT keys. */
function fingerprintOf(scalar: Buffer): string {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(scalar);
  const prefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
  return createHash('sha256').update(prefix).update(ecdh.getPublicKey()).digest('hex');
}

/** Every key of the ring is among them, or the search would prove nothing. */
async function requireTheRings(scalars: readonly Buffer[], deployment: LabDeployment): Promise<void> {
  const known = new Set(scalars.map(fingerprintOf));
  const ring = (await deployment.keys()).filter(({ keyType }) => keyType === 'KEY_TYPE_JWT');
  const missing = ring.filter(({ fingerprint }) => !known.has(fingerprint));
  if (ring.length === 0 || missing.length > 0) throw new Error(`unknown keys: ${JSON.stringify(missing)}`);
}

const HOLDS_ALL_FORMS = `
  const [hex] = require('node:fs').readFileSync(0, 'utf8').split(' ');
  const raw = Buffer.from(hex, 'hex');
  const jwk = raw.toString('base64url') + '';
  globalThis.held = [raw, Buffer.from(raw).reverse(), hex + '-', hex.toUpperCase() + '-', raw.toString('base64') + '-', jwk + '-'];
  globalThis.held.push(...globalThis.held.filter((one) => typeof one === 'string').map((one) => Buffer.from(one)));
  console.log('holding'); setInterval(() => globalThis.held.length, 1000);
`;

test.serial('the search finds a key in each of its forms, in memory and in a snapshot of the heap', async (t) => {
  const scalar = randomBytes(32);
  const forms = formsOfScalar(scalar);
  const heaps = await cleanup.folder();
  const child = spawn(process.execPath, [...snapshotOptions(heaps).split(' '), '-e', HOLDS_ALL_FORMS]);
  cleanup.later(() => void child.kill('SIGKILL'));
  child.stdin.end(`${scalar.toString('hex')} `);
  await once(child.stdout, 'data');
  const pid = child.pid ?? -1;
  const { found } = await searchMemory(pid, forms);
  t.deepEqual([...found].sort(), Object.keys(forms).sort());
  // A snapshot has texts, no octets of buffers.
  const inHeap = searchBytes(await heapOf(pid, heaps), forms).found;
  t.deepEqual([...inHeap].sort(), ['base64, also in PEM', 'base64url, also in a JWK', 'hex', 'upper-case hex']);
  t.deepEqual([...(await searchMemory(pid, formsOfScalar(randomBytes(32)))).found], [], 'another key');
});

test.serial('a core of a server with sealed keys holds them: the search is not blind', async (t) => {
  t.timeout(240_000);
  const { deployment } = await signingServer('sealed');
  const { scalars } = await unseal(join(deployment.dir, 'server'), await deployment.deploymentId());
  await requireTheRings([...scalars.values()], deployment);
  for (const [keysetId, scalar] of scalars) {
    const { bytes, found } = await searchMemory(deployment.server.pid, formsOfScalar(scalar));
    t.true(found.size > 0, `key of ${keysetId} in ${bytes} octets`);
    t.log(`${keysetId}: ${[...found].join(', ')}`);
  }
});

test.serial(
  'neither core nor heap of a server whose keys are behind a webhook holds one, also while it signs',
  async (t) => {
    t.timeout(240_000);
    const { deployment, provided, heaps } = await signingServer('webhook');
    const requireNone = async (when: string): Promise<void> => {
      const scalars = provided.scalars?.() ?? [];
      await requireTheRings(scalars, deployment);
      for (const scalar of scalars) {
        const forms = formsOfScalar(scalar);
        const signed = deployment.jwt();
        const { bytes, found } = await searchMemory(deployment.server.pid, forms);
        t.true(bytes > 50_000_000, `${bytes} octets of memory`);
        t.deepEqual([...found], [], `${when}, key ${fingerprintOf(scalar)}`);
        t.is((await signed).code, 0);
      }
      const heap = await heapOf(deployment.server.pid, heaps);
      t.true(heap.includes(await deployment.activeId()), 'the snapshot is of a server that knows its keysets');
      for (const scalar of scalars) t.deepEqual([...searchBytes(heap, formsOfScalar(scalar)).found], []);
      t.log(`${when}: ${scalars.length} keys, ${heap.length} octets of heap`);
    };
    await requireNone('after a rotation');
    await deployment.kill();
    await deployment.start();
    await deployment.jwtAgain();
    await requireNone('after kill -9');
  },
);
