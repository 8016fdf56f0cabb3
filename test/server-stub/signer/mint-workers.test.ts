import { createPrivateKey, X509Certificate } from 'node:crypto';
import test from 'ava';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import type { FromWorker, ToWorker } from '../../../server-stub/src/signer/mint-batch.js';
import { CURRENT_ISSUER, mintForMain } from '../../../server-stub/src/signer/mint-for-main.js';
import { MINT_LIMITS, workersFor, type MintLimits } from '../../../server-stub/src/signer/mint-limits.js';
import type { StartThread, Thread } from '../../../server-stub/src/signer/mint-thread.js';
import { MintWorkers } from '../../../server-stub/src/signer/mint-workers.js';
import type { Minted } from '../../../server-stub/src/signer/plain-mint.js';
import { X509Signer } from '../../../server-stub/src/signer/x509-signer.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';
import { callerOf } from '../../fakes/svid-caller.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { forever, localKey, remoteKey, sharedKey } from './signing-keys.js';
import { caOf, NOW } from './test-ca.js';

const caller = callerOf(forever);
const idOf = (n: number): SpiffeId => SpiffeId.parse(`spiffe://example.org/ns/default/sa/w-${n}`);
const requestOf = (n: number) => ({ spiffeId: idOf(n), subject: [], ttlMs: 3_600_000 });
const count = <T>(n: number, one: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => one(i));

async function signerOf(type: 'EC-P256' | 'EC-P384' | 'RSA-2048' = 'EC-P256') {
  const key = sharedKey(type);
  const ca = await caOf(key);
  return { signer: new X509Signer(ca, key), ca: new X509Certificate(ca) };
}
const { signer, ca } = await signerOf();

/** Fewer SVIDs make workers start, so that tests are quick. */
const LIMITS: MintLimits = { ...MINT_LIMITS, perSecond: 400 };

/** A worker that does its work in this thread when told to, so that a test decides what happens between. */
class HandThread implements Thread {
  readonly taken: ToWorker[] = [];
  terminated = false;
  #toMain: (message: FromWorker) => void = () => {};
  #ended: () => void = () => {};
  #toWorker: (message: ToWorker) => void = () => {};

  constructor(shared: Int32Array) {
    const port = {
      on: (_: string, listener: (message: ToWorker) => void) => void (this.#toWorker = listener),
      postMessage: (message: FromWorker) => setImmediate(() => this.#toMain(message)),
    };
    setImmediate(() => mintForMain(port as never, shared));
  }
  on(event: string, listener: (value: never) => void): void {
    if (event === 'message') this.#toMain = listener as (message: FromWorker) => void;
    if (event === 'exit') this.#ended = listener as () => void;
  }
  postMessage(message: ToWorker): void {
    this.taken.push(message);
  }
  terminate(): Promise<void> {
    this.terminated = true;
    return Promise.resolve();
  }
  get batches(): readonly Extract<ToWorker, { is: 'batch' }>[] {
    return this.taken.filter((message) => message.is === 'batch');
  }
  /** Does what it was given. */
  async work(): Promise<void> {
    for (const message of this.taken.splice(0)) this.#toWorker(message);
    await flush();
  }
  die(): void {
    this.#ended();
  }
}

function setUp(more: { limits?: Partial<MintLimits>; workers?: number } = {}) {
  const { workers = 1 } = more;
  const clock = new FakeClock(NOW);
  const threads: HandThread[] = [];
  const logger = new RecordingLogger();
  const failures: number[] = [];
  let crowd = 100;
  const byHand: StartThread = (shared) => {
    const thread = new HandThread(shared);
    threads.push(thread);
    return thread;
  };
  const minter = new MintWorkers({
    ...{ clock, logger, workers },
    metrics: { mintWorkerFailed: () => void failures.push(1) },
    crowd: () => crowd,
    limits: { ...LIMITS, ...more.limits },
    start: byHand,
  });
  const stop = new AbortController();
  const running = minter.run(stop.signal);
  const mint = async (n: number, by = signer, signal = forever) => minter.mint(by, requestOf(n), NOW, callerOf(signal));
  /** Mints as fast as makes workers start. */
  const rush = async (): Promise<void> => {
    for (let window = 0; window < 2; window++) {
      await Promise.all(count(150, mint));
      await clock.advance(260);
    }
    await flush();
  };
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { minter, clock, threads, logger, failures, mint, rush, end, setCrowd: (n: number) => (crowd = n) };
}

function isGood(
  t: { true(v: boolean, m?: string): void; is(a: unknown, b: unknown): void },
  n: number,
  minted: Minted | undefined,
  by = ca,
) {
  if (minted === undefined) throw new Error(`${n} was not minted`);
  const leaf = new X509Certificate(minted.certificate);
  t.is(leaf.subjectAltName, `URI:${idOf(n).toString()}`);
  t.true(leaf.verify(by.publicKey) && leaf.checkIssued(by), 'issuer and signature are of one keyset');
  t.is(leaf.serialNumber.toLowerCase(), minted.serial);
  const privateKey = createPrivateKey({ key: Buffer.from(minted.privateKey), format: 'der', type: 'pkcs8' });
  t.true(leaf.checkPrivateKey(privateKey));
}

test('there is one worker per core less one, and one on a single core', (t) => {
  t.deepEqual([1, 2, 4, 32].map(workersFor), [1, 1, 3, 31]);
});

test('workers start only where load asks for them, and end when they have had nothing to do', async (t) => {
  const { minter, clock, threads, mint, rush, setCrowd, end } = setUp({ workers: 2 });
  setCrowd(0);
  await rush();
  t.is(minter.workers, 0, 'nobody waits: the main thread keeps up');
  setCrowd(100);
  for (let window = 0; window < 4; window++) {
    await Promise.all(count(50, mint));
    await clock.advance(260);
  }
  t.is(minter.workers, 0, 'less than the rate');
  await rush();
  t.is(minter.workers, 2);
  t.is(minter.places, 2 * 2 * 32 + 16);
  await clock.advance(MINT_LIMITS.idleMs + 1_001);
  t.is(minter.workers, 0);
  t.true(threads.every(({ terminated }) => terminated));
  t.is(minter.places, 16);
  await end();
});

test('a key that is elsewhere never goes to a worker, nor does one that cannot be shared', async (t) => {
  const far = remoteKey();
  const { minter, threads, mint, rush, end } = setUp();
  await rush();
  for (const key of [far, localKey()]) {
    const certificate = await caOf(key);
    const by = new X509Signer(certificate, key);
    const minted = await Promise.all(count(20, (n) => mint(n, by)));
    minted.forEach((one, n) => isGood(t, n, one, new X509Certificate(certificate)));
  }
  t.is(minter.workers, 1);
  t.is(threads[0]?.batches.length, 0);
  await end();
});

test('workers get batches, two deep, and the main thread takes slices of what is left', async (t) => {
  const { threads, mint, rush, end } = setUp();
  await rush();
  const [thread] = threads;
  const all = Promise.all(count(200, (n) => mint(n)));
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(
    thread?.batches.map(({ requests }) => requests.uris.length),
    [32, 32],
  );
  for (let i = 0; i < 10; i++) await thread?.work();
  const minted = await all;
  minted.forEach((one, n) => n % 10 === 0 && isGood(t, n, one));
  t.is(new Set(minted.map((one) => one?.serial)).size, 200);
  await end();
});

test('few SVIDs stay on the main thread: a message costs more than a signature', async (t) => {
  const { threads, mint, rush, end } = setUp();
  await rush();
  (await Promise.all(count(15, (n) => mint(n)))).forEach((one, n) => isGood(t, n, one));
  t.is(threads[0]?.batches.length, 0);
  await end();
});

test('a keyset that is replaced signs nothing more: what workers had of it is not issued', async (t) => {
  const next = await signerOf('EC-P384');
  const { minter, threads, mint, rush, end } = setUp();
  await rush();
  const [thread] = threads;
  const before = Promise.all(count(100, (n) => mint(n)));
  await new Promise((resolve) => setImmediate(resolve));
  t.is(thread?.batches.length, 2);
  minter.retire(signer);
  const after = Promise.all(count(40, (n) => mint(n, next.signer)));
  for (let i = 0; i < 10; i++) await thread?.work();
  // The main thread had minted its first slice before the switch.
  const issued = (await before).filter((one) => one !== undefined);
  t.is(issued.length, MINT_LIMITS.slice);
  (await after).forEach((one, n) => isGood(t, n, one, next.ca));
  await end();
});

test('what a worker had signed before a switch, but had not handed over, is not issued', async (t) => {
  const { minter, threads, mint, rush, end } = setUp({ limits: { slice: 0 } });
  await rush();
  const pending = Promise.all(count(32, (n) => mint(n)));
  await new Promise((resolve) => setImmediate(resolve));
  const worked = threads[0]?.work();
  minter.retire(signer);
  await worked;
  t.deepEqual(new Set(await pending), new Set([undefined]));
  await end();
});

test('a worker signs nothing for another issuer than the present one, and has no key after its end', (t) => {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const results: number[] = [];
  let tell = (_: ToWorker): void => {};
  const port = {
    on: (_: string, listener: (message: ToWorker) => void) => void (tell = listener),
    postMessage: (message: FromWorker) =>
      message.is === 'minted' && results.push(Buffer.from(message.results).readUInt16LE(0)),
  };
  mintForMain(port as never, shared);
  const requests = {
    uris: [idOf(1).toString()],
    subjects: [[]],
    numbers: Float64Array.of(1000, NOW, 0),
    points: new Uint8Array(),
  };
  const batch = (issuer: number): void => tell({ is: 'batch', batch: 1, issuer, requests });
  if (signer.shared === undefined) throw new Error('not shared');
  tell({ is: 'issuer', issuer: 1, shared: signer.shared });
  batch(1);
  Atomics.store(shared, CURRENT_ISSUER, 1);
  batch(1);
  batch(2);
  tell({ is: 'retired', issuer: 1 });
  batch(1);
  t.deepEqual(
    results.map((length) => length > 0),
    [false, true, false, false],
  );
});

test('a worker that dies costs what it had in hand one more try here, and is told in the log', async (t) => {
  const { minter, clock, threads, logger, failures, mint, rush, end } = setUp({ workers: 2 });
  await rush();
  const all = Promise.all(count(100, (n) => mint(n)));
  await new Promise((resolve) => setImmediate(resolve));
  const [dead, neighbour] = threads;
  dead?.die();
  for (let i = 0; i < 10; i++) await neighbour?.work();
  (await all).forEach((one, n) => n % 9 === 0 && isGood(t, n, one));
  t.is(minter.workers, 1, 'the neighbour stays');
  t.is(failures.length, 1);
  t.is(logger.lines.filter(({ level }) => level === 'warn').length, 1);
  for (let window = 0; window < 4; window++) {
    let done = false;
    const more = Promise.all(count(150, mint)).then(() => (done = true));
    while (!done) await neighbour?.work();
    await more;
    await clock.advance(260);
  }
  t.is(minter.workers, 1, 'none is started soon after');
  await clock.advance(MINT_LIMITS.restMs + MINT_LIMITS.idleMs);
  await rush();
  t.is(minter.workers, 2);
  await end();
});

test('where no thread can be started the main thread goes on', async (t) => {
  const failures: number[] = [];
  const clock = new FakeClock(NOW);
  const minter = new MintWorkers({
    ...{ clock, logger: new RecordingLogger(), workers: 3, crowd: () => 100 },
    metrics: { mintWorkerFailed: () => void failures.push(1) },
    limits: LIMITS,
    start: () => {
      throw new Error('no more threads');
    },
  });
  const stop = new AbortController();
  const running = minter.run(stop.signal);
  for (let window = 0; window < 4; window++) {
    const minted = await Promise.all(count(150, async (n) => minter.mint(signer, requestOf(n), NOW, caller)));
    isGood(t, 149, minted[149]);
    await clock.advance(260);
  }
  t.is(failures.length, 1, 'tried once, and not soon again');
  stop.abort();
  await running;
});

test('a worker that does not answer is given up', async (t) => {
  const { minter, clock, threads, failures, mint, rush, end } = setUp();
  await rush();
  const all = Promise.all(count(40, (n) => mint(n)));
  await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(MINT_LIMITS.answerMs + 1_001);
  (await all).forEach((one, n) => n % 9 === 0 && isGood(t, n, one));
  t.deepEqual([minter.workers, failures.length, threads[0]?.terminated], [0, 1, true]);
  await end();
});

test('what a worker cannot mint is refused with the reason that this thread has', async (t) => {
  const { minter, threads, rush, end } = setUp();
  await rush();
  const bad = SpiffeId.parse('spiffe://example.org');
  const all = Promise.allSettled(
    count(40, async (n) => minter.mint(signer, { ...requestOf(n), ...(n === 7 && { spiffeId: bad }) }, NOW, caller)),
  );
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 4; i++) await threads[0]?.work();
  const refused = (await all).filter((one) => one.status === 'rejected');
  t.deepEqual(
    refused.map(({ reason }) => (reason as { code: string }).code),
    ['INVALID_SPIFFE_ID'],
  );
  await end();
});

test('nothing is minted for a caller that has gone, and too many at once are refused', async (t) => {
  const { threads, mint, rush, end } = setUp({ limits: { waiting: 50 } });
  await rush();
  const gone = new AbortController();
  const pending = Promise.allSettled(count(51, (n) => mint(n, signer, n < 20 ? gone.signal : forever)));
  gone.abort(new Error('gone'));
  for (let i = 0; i < 5; i++) await threads[0]?.work();
  const outcomes = await pending;
  t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 30);
  const last = outcomes[50];
  t.like(last?.status === 'rejected' && last.reason, { code: 'UNAVAILABLE' });
  await end();
});

test('when the server stops, what workers had in hand is still minted', async (t) => {
  const { minter, threads, mint, rush, end } = setUp();
  await rush();
  const all = Promise.all(count(64, (n) => mint(n)));
  await new Promise((resolve) => setImmediate(resolve));
  t.true((threads[0]?.batches.length ?? 0) > 0);
  await end();
  (await all).forEach((one, n) => n % 9 === 0 && isGood(t, n, one));
  t.is(minter.workers, 0);
});
