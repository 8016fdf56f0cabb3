import test from 'ava';
import { named, Stage } from './stage.js';

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;

test('streams of one identity share one mint, one SVID and one context object', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const streams = [1, 2, 3].map((pod) => stage.stream(named('w', { pod: [String(pod)] })));
  await stage.clock.advance(stage.server.latencyMs);
  t.is(stage.server.sent.length, 1);
  const [first] = streams;
  t.is(first?.contexts.length, 1);
  t.true(streams.every(({ latest }) => latest === first?.latest));
  t.true(Object.isFrozen(first?.latest));
  const late = stage.stream(named('w'));
  await stage.clock.advance(0);
  t.is(late.latest, first?.latest);
  await stage.stop();
});

test('with sharing per connection each stream has an SVID of its own', async (t) => {
  const stage = new Stage({ sharing: 'connection' });
  stage.server.publish();
  const streams = [stage.stream(named('w')), stage.stream(named('w'))];
  await stage.clock.advance(SECOND);
  t.is(new Set(streams.map(({ svid }) => svid?.serial)).size, 2);
  await stage.stop();
});

test('names that the policy reads may end in a star', async (t) => {
  const stage = new Stage();
  stage.server.reads = ['name', 'label.*'];
  stage.server.publish();
  stage.stream(named('w', { 'label.a': ['1'], other: ['x'] }));
  stage.stream(named('w', { 'label.a': ['1'], other: ['y'] }));
  stage.stream(named('w', { 'label.b': ['1'] }));
  await stage.clock.advance(SECOND);
  t.is(stage.server.sent.length, 2);
  await stage.stop();
});

test('a workload that comes before the first news of the server waits a moment, then is told UNAVAILABLE', async (t) => {
  const stage = new Stage();
  const early = stage.stream(named('w'));
  const tooEarly = new Stage({}, 1);
  const unlucky = tooEarly.stream(named('w'));
  await stage.clock.advance(SECOND);
  stage.server.publish();
  await stage.clock.advance(SECOND);
  t.truthy(early.svid);
  await tooEarly.clock.advance(3 * SECOND);
  t.is(unlucky.end, 'UNAVAILABLE');
  t.is(tooEarly.server.sent.length, 0);
  await Promise.all([stage.stop(), tooEarly.stop()]);
});

test('who has no identity is told so, and a new identity while the server is away is told UNAVAILABLE', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const nobody = stage.stream({});
  await stage.clock.advance(SECOND);
  t.is(nobody.end, 'NO_IDENTITY_ISSUED');
  stage.server.away = true;
  const unlucky = stage.stream(named('w'));
  await stage.clock.advance(SECOND);
  t.is(unlucky.end, 'UNAVAILABLE');
  t.deepEqual(stage.room.x509.svidsPerKeyset(), {});
  await stage.stop();
});

test('ordinary renewal comes between 0.40 and 0.50 of the lifetime, spread over the identities', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const streams = await stage.streams(50);
  await stage.clock.advance(13 * HOUR);
  const parts = streams.map(({ contexts, arrivals }) => {
    const svid = contexts[0]?.svids[0];
    if (svid === undefined) return NaN;
    return ((arrivals[1] ?? NaN) - svid.notBefore) / (svid.notAfter - svid.notBefore);
  });
  t.true(parts.every((part) => part >= 0.4 && part <= 0.501));
  t.true(Math.max(...parts) - Math.min(...parts) > 0.07);
  t.is(stage.expiring.x509, 0);
  await stage.stop();
});

test('lifetimes of seconds are renewed at half of what is left, not in a loop', async (t) => {
  const stage = new Stage();
  stage.server.ttlMs = 10 * SECOND;
  stage.server.publish();
  const [stream] = await stage.streams(1);
  await stage.clock.advance(60 * SECOND);
  const count = stream?.contexts.length ?? 0;
  t.true(count >= 11 && count <= 16, `${count} SVIDs in 60 s`);
  await stage.stop();
});

test('a failed renewal keeps the SVID, shows as expiring, and the stream ends UNAVAILABLE only at the end of its life', async (t) => {
  const stage = new Stage();
  stage.server.ttlMs = HOUR;
  stage.server.publish();
  const streams = await stage.streams(3);
  stage.server.away = true;
  await stage.clock.advance(40 * MINUTE);
  t.true(streams.every(({ contexts, end }) => contexts.length === 1 && end === undefined));
  t.is(stage.expiring.x509, 3);
  const again = stage.stream(named('w1'));
  await stage.clock.advance(0);
  t.truthy(again.svid);
  await stage.clock.advance(19 * MINUTE);
  t.true(streams.every(({ end }) => end === undefined));
  await stage.clock.advance(MINUTE);
  t.true(streams.every(({ end }) => end === 'UNAVAILABLE'));
  t.is(stage.expiring.x509, 0);
  t.true(stage.server.sent.length < 800, 'retries back off');
  await stage.stop();
});

test('identities that fail alone hold nobody else up', async (t) => {
  const stage = new Stage({ taintDelayMaxMs: 0 });
  stage.server.publish();
  stage.server.ttlMs = 23 * HOUR;
  const broken = Array.from({ length: 10 }, (_, i) => stage.stream(named(`broken${i}`)));
  await stage.clock.advance(SECOND);
  stage.server.ttlMs = 24 * HOUR;
  const streams = await stage.streams(40);
  for (let i = 0; i < 10; i++) stage.server.broken.add(`/broken${i}`);
  stage.server.rotate('ks_b');
  await stage.clock.advance(10 * SECOND);
  t.true(streams.every(({ svid }) => svid?.keysetId === 'ks_b'));
  t.true(broken.every(({ svid, end }) => svid?.keysetId === 'ks_a' && end === undefined));
  stage.server.broken.clear();
  await stage.clock.advance(70 * SECOND);
  t.true(broken.every(({ svid }) => svid?.keysetId === 'ks_b'));
  await stage.stop();
});

test('after a suspend everything due goes through the gate, expired SVIDs too, and no stream ends', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const streams = await stage.streams(100);
  stage.clock.jump(48 * HOUR);
  const fresh = stage.stream(named('w50'));
  await stage.clock.advance(SECOND);
  t.true((fresh.svid?.notAfter ?? 0) > stage.clock.now(), 'a fresh fetch never gets an expired one');
  await stage.clock.advance(20 * SECOND);
  t.true(streams.every(({ svid, end }) => end === undefined && (svid?.notAfter ?? 0) > stage.clock.now()));
  t.true(stage.server.busiestSecond <= 20);
  t.is(stage.messages('Clock jumped or machine was suspended').length, 1);
  await stage.stop();
});

test('a clock that is set back changes nothing', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const [stream] = await stage.streams(1);
  stage.clock.jump(-24 * HOUR);
  await stage.clock.advance(MINUTE);
  t.is(stream?.contexts.length, 1);
  t.is(stream?.end, undefined);
  await stage.stop();
});

test('a change of a bundle makes a new context for all, anything else none', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const [stream] = await stage.streams(1);
  stage.server.publish();
  t.is(stream?.contexts.length, 1);
  stage.server.extraAuthorities = 1;
  stage.server.publish();
  t.is(stream?.contexts.length, 2);
  t.is(stream?.latest?.svids[0], stream?.contexts[0]?.svids[0]);
  const other = { trustDomain: 'other.org', sequence: 1, refreshHintSeconds: 60, jwtAuthorities: [] };
  stage.server.federated = [{ ...other, x509Authorities: [{ certificate: Buffer.from('o') }] }];
  stage.server.publish();
  t.deepEqual(stream?.latest?.federatedBundles, stage.server.federated);
  stage.server.federated = [{ ...other, sequence: 2, x509Authorities: [{ certificate: Buffer.from('o') }] }];
  stage.server.publish();
  t.is(stream?.contexts.length, 3);
  await stage.stop();
});

test('a renewal that the server denies twice ends the streams with NO_IDENTITY_ISSUED', async (t) => {
  const stage = new Stage({ taintDelayMaxMs: 0 });
  stage.server.publish();
  const [gone, stays] = await stage.streams(2);
  stage.server.path = ({ name }) => (name?.[0] === 'w0' ? undefined : name?.[0]);
  stage.server.rotate('ks_b');
  await stage.clock.advance(SECOND);
  t.is(gone?.end, undefined, 'news of a policy may be on their way');
  await stage.clock.advance(3 * SECOND);
  t.is(gone?.end, 'NO_IDENTITY_ISSUED');
  t.is(stays?.end, undefined);
  await stage.stop();
});

test('what nobody watches and nobody asked for lately is not renewed but dropped', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const [stream, kept] = await stage.streams(2);
  stream?.close();
  t.is(kept?.end, undefined);
  await stage.clock.advance(13 * HOUR);
  t.is(stream?.end, 'done');
  t.deepEqual(stage.room.x509.svidsPerKeyset(), { ks_a: 1 });
  await stage.stop();
});

test('the cache is bounded: unwatched entries make room, oldest first, and one with streams never does', async (t) => {
  const stage = new Stage({ maxIdentities: 3 });
  stage.server.publish();
  const streams = await stage.streams(3);
  const refused = stage.stream(named('x'));
  await stage.clock.advance(0);
  t.is(refused.end, 'LIMIT_REACHED');
  streams[0]?.close();
  streams[1]?.close();
  const again = stage.stream(named('w0'));
  await stage.clock.advance(0);
  again.close();
  t.truthy(stage.stream(named('x')));
  await stage.clock.advance(SECOND);
  const minted = stage.server.sent.length;
  const cached = stage.stream(named('w0'));
  await stage.clock.advance(0);
  t.truthy(cached.svid, 'w1 made room, not w0');
  t.is(stage.server.sent.length, minted);
  await stage.stop();
});

test('callers that go before the answer leave nothing behind', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const stream = stage.stream(named('w'));
  await stage.clock.advance(1);
  stream.close();
  await stage.clock.advance(SECOND);
  t.is(stream.end, 'done');
  t.is(stream.contexts.length, 0);
  await stage.stop();
});
