import test from 'ava';
import { named, Stage } from './stage.js';

const SECOND = 1_000;

test('after a change of policy only what would be issued differently is issued again, through the gate', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const streams = await stage.streams(200);
  const firsts = stage.server.sent.length;
  stage.server.policyVersion = 2;
  stage.server.path = ({ name }) => (Number(name?.[0]?.slice(1)) < 50 ? `new/${name?.[0] ?? ''}` : name?.[0]);
  stage.server.publish();
  await stage.clock.advance(9 * SECOND);
  t.deepEqual(stage.server.resolved, [100, 100]);
  const changed = streams.slice(0, 50);
  t.true(changed.every(({ svid }) => svid?.spiffeId.path.startsWith('/new/')));
  t.true(streams.slice(50).every(({ contexts }) => contexts.length === 1));
  t.true(streams.every(({ end }) => end === undefined));
  t.is(stage.server.sent.length - firsts, 10);
  t.true(stage.server.busiestSecond <= 20);
  await stage.stop();
});

test('a caller that the new policy denies loses its stream, also while the server was away at first', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const [gone, stays] = await stage.streams(2);
  stage.server.policyVersion = 2;
  stage.server.path = ({ name }) => (name?.[0] === 'w0' ? undefined : name?.[0]);
  stage.server.publish();
  stage.server.away = true;
  await stage.clock.advance(60 * SECOND);
  t.is(gone?.end, undefined);
  stage.server.away = false;
  await stage.clock.advance(11 * SECOND);
  t.is(gone?.end, 'NO_IDENTITY_ISSUED');
  t.is(stays?.end, undefined);
  await stage.stop();
});

test('a fresh fetch after a change of policy is minted anew, never answered by the old decision', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const [before] = await stage.streams(1);
  stage.server.policyVersion = 2;
  stage.server.path = ({ name }) => `new/${name?.[0] ?? ''}`;
  stage.server.publish();
  const fresh = stage.stream(named('w0'));
  await stage.clock.advance(stage.server.latencyMs);
  t.deepEqual(
    fresh.contexts.map(({ svids }) => svids[0]?.spiffeId.path),
    ['/new/w0'],
  );
  t.is(before?.latest, fresh.latest);
  await stage.stop();
});

test('a policy that reads more splits identities; each stream keeps what it has until its own is there', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const pods = ['a', 'b', 'a'].map((pod) => stage.stream(named('w', { pod: [pod] })));
  await stage.clock.advance(SECOND);
  stage.server.reads = ['name', 'pod'];
  stage.server.policyVersion = 2;
  stage.server.path = ({ name, pod }) => `${name?.[0] ?? ''}/${pod?.[0] ?? ''}`;
  stage.server.publish();
  await stage.clock.advance(8 * SECOND);
  t.deepEqual(
    pods.map(({ svid }) => svid?.spiffeId.path),
    ['/w/a', '/w/b', '/w/a'],
  );
  t.is(pods[0]?.latest, pods[2]?.latest);
  t.true(pods.every(({ contexts, end }) => contexts.length === 2 && end === undefined));
  await stage.stop();
});

test('a policy that reads less joins identities, and nobody is ever shown the SVID of another', async (t) => {
  const stage = new Stage();
  stage.server.reads = ['name', 'uid'];
  stage.server.path = ({ name, uid }) => (uid === undefined ? name?.[0] : `${name?.[0] ?? ''}/u${uid[0] ?? ''}`);
  stage.server.publish();
  const users = ['1', '2', '3'].map((uid) => stage.stream(named('w', { uid: [uid] })));
  await stage.clock.advance(SECOND);
  stage.server.reads = ['name'];
  stage.server.policyVersion = 2;
  stage.server.path = ({ name }) => name?.[0];
  stage.server.publish();
  const fourth = stage.stream(named('w', { uid: ['4'] }));
  await stage.clock.advance(9 * SECOND);
  for (const [index, { contexts }] of users.entries()) {
    const paths = contexts.map(({ svids }) => svids[0]?.spiffeId.path);
    t.deepEqual([...new Set(paths)], [`/w/u${index + 1}`, '/w']);
  }
  t.deepEqual([...new Set(fourth.contexts.map(({ svids }) => svids[0]?.spiffeId.path))], ['/w']);
  t.is(new Set([...users, fourth].map(({ latest }) => latest)).size, 1, 'all follow one entry in the end');
  t.deepEqual(stage.room.x509.svidsPerKeyset(), { ks_a: 1 });
  await stage.stop();
});

test('a first fetch under way when the policy changes is asked again with what the new policy reads', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const stream = stage.stream(named('w', { pod: ['a'] }));
  await stage.clock.advance(1);
  stage.server.reads = ['name', 'pod'];
  stage.server.policyVersion = 2;
  stage.server.path = ({ name, pod }) => (pod === undefined ? undefined : `${name?.[0] ?? ''}/${pod[0] ?? ''}`);
  stage.server.publish();
  await stage.clock.advance(SECOND);
  t.is(stream.svid?.spiffeId.path, '/w/a');
  t.is(stream.end, undefined);
  await stage.stop();
});

test('entitlement comes from the SVID held, else from the server, remembered for a short while', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  await stage.streams(1);
  const ask = async (name: string | undefined): Promise<string> => {
    const asked = stage.room.entitlement.requireIdentity(name === undefined ? {} : named(name), stage.signal);
    const [answer] = await Promise.allSettled([asked, stage.clock.advance(SECOND)]);
    return answer.status === 'fulfilled' ? answer.value.path : (answer.reason as { code: string }).code;
  };
  t.is(await ask('w0'), '/w0');
  t.deepEqual(stage.server.resolved, []);
  t.is(await ask('other'), '/other');
  t.is(await ask('other'), '/other');
  t.is(await ask(undefined), 'NO_IDENTITY_ISSUED');
  t.deepEqual(stage.server.resolved, [1, 1]);
  stage.server.policyVersion = 2;
  stage.server.publish();
  t.is(await ask('other'), '/other');
  stage.server.away = true;
  t.is(await ask('another'), 'UNAVAILABLE');
  t.is(await ask('other'), '/other');
  await stage.stop();
});
