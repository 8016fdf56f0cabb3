import test from 'ava';
import { named, Stage } from './stage.js';

const SECOND = 1_000;

test('after a taint all are renewed within 60 s + N/20 s, at most 20 in any second, and no stream sees a gap', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const streams = await stage.streams(400);
  const old = stage.server.rotate('ks_b');
  await stage.clock.advance((60 + 400 / 20) * SECOND);
  t.true(streams.every(({ svid }) => svid?.keysetId === 'ks_b'));
  t.true(streams.every(({ end }) => end === undefined));
  t.true(
    streams.every(({ contexts }) => new Set(contexts.map(({ svids }) => svids[0]?.serial)).size === 2),
    'each was renewed once',
  );
  t.is(stage.server.busiestSecond, 20);
  t.is(stage.server.acks.at(-1)?.counts[old], undefined);
  await stage.stop();
});

test('all identities of an agent wait the same random time, and those that expire first go first', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const streams = [];
  for (let i = 0; i < 60; i++) {
    stage.server.ttlMs = ((i * 7) % 60) * 60_000 + 24 * 3_600_000;
    streams.push(stage.stream(named(`w${i}`)));
    await stage.clock.advance(100);
  }
  const taintedAt = stage.clock.monotonic();
  stage.server.rotate('ks_b');
  await stage.clock.advance(64 * SECOND);
  const first = stage.server.sent.find(({ renewal }) => renewal)?.at ?? Infinity;
  t.true(first >= taintedAt && first <= taintedAt + 60 * SECOND);
  const order = streams
    .map(({ contexts, arrivals }) => ({ old: contexts[0]?.svids[0]?.notAfter ?? 0, renewedAt: arrivals.at(-1) ?? 0 }))
    .sort((a, b) => a.renewedAt - b.renewedAt || a.old - b.old);
  t.deepEqual(
    order.map(({ old }) => old),
    order.map(({ old }) => old).sort((a, b) => a - b),
  );
  await stage.stop();
});

test('the random wait differs between agents and uses the whole minute', async (t) => {
  const waits: number[] = [];
  for (let seed = 0; seed < 40; seed++) {
    const stage = new Stage({}, seed * 7919);
    stage.server.publish();
    await stage.streams(1);
    const taintedAt = stage.clock.monotonic();
    stage.server.rotate('ks_b');
    await stage.clock.advance(60 * SECOND);
    waits.push((stage.server.sent.find(({ renewal }) => renewal)?.at ?? Infinity) - taintedAt);
    await stage.stop();
  }
  t.true(Math.max(...waits) <= 60 * SECOND);
  t.true(Math.max(...waits) > 45 * SECOND && Math.min(...waits) < 15 * SECOND);
});

test('a bundle that changes every 2 s in the wave loses nobody and holds nothing up', async (t) => {
  const stage = new Stage({ taintDelayMaxMs: 5_000 });
  stage.server.publish();
  const streams = await stage.streams(300);
  stage.server.rotate('ks_b');
  for (let second = 0; second < 20; second += 2) {
    stage.server.extraAuthorities++;
    stage.server.publish();
    t.true(streams.every(({ latest }) => latest?.bundle.x509Authorities.length === 2 + stage.server.extraAuthorities));
    await stage.clock.advance(2 * SECOND);
  }
  t.true(streams.every(({ svid, end }) => svid?.keysetId === 'ks_b' && end === undefined));
  t.true(stage.server.busiestSecond <= 20);
  await stage.stop();
});

test('a server that goes in mid-wave and comes back: the wave ends 10 s + N/20 s later, and no stream ends', async (t) => {
  const stage = new Stage({ taintDelayMaxMs: 0 });
  stage.server.publish();
  const streams = await stage.streams(200);
  stage.server.rotate('ks_b');
  await stage.clock.advance(3 * SECOND);
  const left = streams.filter(({ svid }) => svid?.keysetId === 'ks_a').length;
  t.true(left > 100);
  stage.server.away = true;
  const asked = stage.server.sent.length;
  await stage.clock.advance(120 * SECOND);
  t.true(stage.server.sent.length - asked < 40, 'one batch at a time asks while nobody answers');
  stage.server.away = false;
  await stage.clock.advance((10 + left / 20) * SECOND);
  t.true(streams.every(({ svid, end }) => svid?.keysetId === 'ks_b' && end === undefined));
  t.true(stage.server.busiestSecond <= 20);
  await stage.stop();
});

test('a server that takes calls and never answers keeps few of them, and the wave goes on when it is back', async (t) => {
  const stage = new Stage({ taintDelayMaxMs: 0 });
  stage.server.publish();
  const streams = await stage.streams(200);
  const firsts = stage.server.sent.length;
  stage.server.latencyMs = Infinity;
  stage.server.rotate('ks_b');
  await stage.clock.advance(29 * SECOND);
  t.is(stage.server.sent.length - firsts, 16, 'calls under way are bounded');
  await stage.clock.advance(300 * SECOND);
  t.true(stage.server.sent.length - firsts < 16 + 12, 'then one at a time asks');
  stage.server.latencyMs = 20;
  await stage.clock.advance((30 + 10 + 200 / 20) * SECOND);
  t.true(streams.every(({ svid, end }) => svid?.keysetId === 'ks_b' && end === undefined));
  t.true(stage.server.busiestSecond <= 20);
  await stage.stop();
});

test('in the wave a new workload is answered in the time of one mint, and one not yet renewed at once', async (t) => {
  const stage = new Stage({ taintDelayMaxMs: 0 });
  stage.server.publish();
  await stage.streams(200);
  stage.server.rotate('ks_b');
  await stage.clock.advance(2 * SECOND);
  const fresh = stage.stream(named('new'));
  const known = stage.stream(named('w199'));
  await stage.clock.advance(0);
  t.is(known.svid?.keysetId, 'ks_a');
  await stage.clock.advance(stage.server.latencyMs);
  t.is(fresh.svid?.keysetId, 'ks_b');
  await stage.clock.advance(20 * SECOND);
  t.is(known.svid?.keysetId, 'ks_b');
  await stage.stop();
});

test('what an absent keyset signed is renewed at once at the same rate, and a fresh fetch gets a fresh mint', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const streams = await stage.streams(100);
  // Taint and removal were both missed.
  stage.server.keysets = new Map([['ks_b', 'ACTIVE']]);
  stage.server.publish();
  const last = [...streams].pop();
  const fresh = stage.stream(last?.attributes ?? {});
  await stage.clock.advance(stage.server.latencyMs);
  t.is(fresh.svid?.keysetId, 'ks_b');
  t.is(last?.svid?.keysetId, 'ks_b', 'its other streams have it too');
  t.true(streams.some(({ svid }) => svid?.keysetId === 'ks_a'));
  await stage.clock.advance(5 * SECOND);
  t.true(streams.every(({ svid, end }) => svid?.keysetId === 'ks_b' && end === undefined));
  t.true(stage.server.busiestSecond <= 20);
  await stage.stop();
});

test('a second taint in mid-wave does not move the first: each keyset keeps its own moment', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const streams = await stage.streams(10);
  stage.server.rotate('ks_b');
  const late = stage.stream(named('late'));
  await stage.clock.advance(SECOND);
  const firstTaintAt = stage.clock.monotonic() - SECOND;
  t.is(late.svid?.keysetId, 'ks_b');
  stage.server.rotate('ks_c');
  await stage.clock.advance(60 * SECOND);
  t.true(streams.every(({ svid }) => svid?.keysetId === 'ks_c'));
  t.true(streams.every(({ arrivals }) => (arrivals.at(-1) ?? Infinity) <= firstTaintAt + 60 * SECOND));
  await stage.clock.advance(2 * SECOND);
  t.is(late.svid?.keysetId, 'ks_c');
  await stage.stop();
});

test('a server that goes on signing with the tainted keyset is not asked again and again', async (t) => {
  const stage = new Stage({ taintDelayMaxMs: 0 });
  stage.server.publish();
  await stage.streams(1);
  stage.server.keysets.set('ks_a', 'TAINTED');
  stage.server.publish();
  // A replica without the news.
  stage.server.keysets.set('ks_a', 'ACTIVE');
  await stage.clock.advance(60 * SECOND);
  const asked = stage.server.sent.filter(({ renewal }) => renewal).length;
  t.true(asked > 2 && asked < 12, `${asked} renewals`);
  await stage.stop();
});

test('an agent that restarts in mid-wave has fresh SVIDs for its workloads at once', async (t) => {
  const before = new Stage();
  before.server.publish();
  await before.streams(50);
  before.server.rotate('ks_b');
  await before.clock.advance(SECOND);
  await before.stop();
  const after = new Stage({}, 7, before);
  const streams = await after.streams(50);
  t.true(streams.every(({ svid }) => svid?.keysetId === 'ks_b'));
  await after.clock.advance(90 * SECOND);
  t.true(streams.every(({ contexts }) => contexts.length === 1));
  await after.stop();
});

test('the taint is logged as a bundle update, and acknowledged when it is with all streams', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  await stage.streams(3);
  const logged = stage.messages('Bundle added or updated').length;
  stage.server.rotate('ks_b');
  t.is(stage.messages('Bundle added or updated').length, logged + 1);
  t.like(stage.messages('Bundle added or updated').at(-1), {
    logger: 'agent.bundleRefresher',
    fields: { trustDomain: 'example.org' },
  });
  t.like(stage.server.acks.at(-1), { version: 2, counts: { ks_a: 3 } });
  await stage.clock.advance(63 * SECOND);
  t.like(stage.server.acks.at(-1), { version: 2, counts: { ks_b: 3 } });
  await stage.stop();
});

test('counts are told again while a wave goes on, at most once per second', async (t) => {
  const stage = new Stage({ taintDelayMaxMs: 0 });
  stage.server.publish();
  await stage.streams(100);
  stage.server.rotate('ks_b');
  const taintedAt = stage.clock.monotonic();
  await stage.clock.advance(10 * SECOND);
  const told = stage.server.acks.filter(({ at }) => at > taintedAt).map(({ at }) => at);
  t.true(told.length >= 4 && told.length <= 7, `${told.length} reports`);
  t.true(told.every((at, index) => index === 0 || at - (told[index - 1] ?? 0) >= SECOND));
  t.deepEqual(stage.server.acks.at(-1)?.counts, { ks_b: 100 });
  await stage.stop();
});
