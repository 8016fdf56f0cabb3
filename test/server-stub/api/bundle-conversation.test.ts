import test from 'ava';
import { BundleSync } from '../../../server-stub/src/api/bundle-sync.js';
import { ConnectedAgents } from '../../../server-stub/src/api/bundle-sync-agents.js';
import type { WireSyncRequest } from '../../../server-stub/src/api/messages.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import { Latest } from '../../../src/runtime/latest.js';
import type { RpcConversation } from '../../../src/runtime/rpc-method.js';
import { DEPLOYMENT, trustAt } from '../../fakes/agents-endpoint.js';
import { FakeCall } from '../../fakes/fake-call.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';

const ack = (acknowledgedVersion: number, more: Partial<WireSyncRequest> = {}): Buffer =>
  Buffer.from(JSON.stringify({ positions: [], acknowledgedVersion, svidsPerKeyset: {}, ...more }));

/** Bundle streams over calls of the test's own, with messages as JSON. Peers are agent ids. */
function scene() {
  const clock = new FakeClock();
  const trust = new Latest(trustAt(1, 1));
  const agents = new ConnectedAgents(clock);
  const logger = new RecordingLogger();
  const revocations = new Latest({ version: 1 });
  const views = new Set(['c-1']);
  const refused = new Set<string>();
  const sync = new BundleSync(
    {
      ...{ trust, agents, clock, logger, revocations, deploymentId: DEPLOYMENT },
      authenticate: async (peer) => {
        const { agentId } = peer as { agentId: string };
        await Promise.resolve();
        if (refused.has(agentId)) throw new SpirlError('UNAUTHENTICATED', 'log in again');
        return { agentId, clusterId: 'c-1', clusterName: 'fleet', clusterVersionId: 'cv-1', expiresAt: Infinity };
      },
      clusters: {
        view: (id) => {
          if (!views.has(id)) throw new SpirlError('NOT_FOUND', 'no such cluster');
          return { policy: { version: 1, reads: [] }, sections: {} };
        },
        subscribe: () => {},
      },
    },
    {
      decode: (bytes) => JSON.parse(bytes.toString()) as WireSyncRequest,
      encode: ({ version, state }) => Buffer.from(JSON.stringify({ version, ...state })),
    },
  );
  const open = (agentId: string) => {
    const opened: { conversation?: RpcConversation } = {};
    const call = new FakeCall({ agentId }, () => opened.conversation?.over());
    const conversation = (opened.conversation = sync.open(call));
    const sent = () =>
      call.frames.map((frame) => {
        const { version, deployments } = JSON.parse(frame.toString()) as {
          version: number;
          deployments: { revision: number }[];
        };
        return [version, deployments[0]?.revision];
      });
    return { call, conversation, sent };
  };
  return { clock, trust, agents, logger, revocations, views, refused, sync, open };
}

test('an agent gets the state at first and at each change, in versions of its stream', async (t) => {
  const { trust, open } = scene();
  const { call, sent } = open('a-1');
  await flush();
  t.deepEqual(sent(), [[1, 1]]);
  call.take();
  trust.publish(trustAt(2, 7));
  await flush();
  t.deepEqual(sent(), [
    [1, 1],
    [2, 7],
  ]);
});

test('while one state is on its way the newest waits, and nothing else', async (t) => {
  const { trust, open } = scene();
  const { call, sent } = open('a-1');
  await flush();
  for (let version = 2; version <= 9; version++) {
    trust.publish(trustAt(version, version));
    await flush();
  }
  t.deepEqual(sent(), [[1, 1]]);
  call.take();
  t.deepEqual(sent(), [
    [1, 1],
    [2, 9],
  ]);
  call.take();
  t.is(sent().length, 2);
});

test('what an agent says before it is known who it is counts once it is', async (t) => {
  const { agents, open } = scene();
  const { conversation } = open('a-1');
  for (const count of [1, 2, 3]) void conversation.message(ack(0, { svidsPerKeyset: { ks_a: count } }));
  t.deepEqual(agents.svidsPerKeyset(), {});
  await flush();
  t.deepEqual(agents.svidsPerKeyset(), { ks_a: 3 });
  void conversation.message(ack(1, { svidsPerKeyset: { ks_a: 9 } }));
  t.is(agents.list().get('a-1')?.acknowledgedRevision, 1);
  t.deepEqual(agents.svidsPerKeyset(), { ks_a: 9 });
});

test('an agent that ends its part is answered OK, or why it is not let in, however early it does', async (t) => {
  const { refused, agents, open } = scene();
  refused.add('a-2');
  const [early, wrong, late] = [open('a-1'), open('a-2'), open('a-3')];
  early.conversation.halfClosed();
  wrong.conversation.halfClosed();
  await flush();
  late.conversation.halfClosed();
  t.is(early.call.outcome, 'OK');
  t.like(wrong.call.outcome, { code: 'UNAUTHENTICATED' });
  t.is(late.call.outcome, 'OK');
  t.is(agents.size, 0);
});

test('a stream that ends before it is known who speaks leaves nothing behind', async (t) => {
  const { agents, trust, open } = scene();
  const { call, sent } = open('a-1');
  call.fail(new SpirlError('UNAVAILABLE', 'gone'));
  await flush();
  trust.publish(trustAt(2, 2));
  await flush();
  t.is(agents.size, 0);
  t.deepEqual(sent(), []);
});

test('an agent that has seen more than its server has is worth a line, once', async (t) => {
  const { logger, open } = scene();
  const { conversation } = open('a-1');
  void conversation.message(ack(0, { positions: [{ deploymentId: DEPLOYMENT, epoch: 1, revision: 5 }] }));
  await flush();
  void conversation.message(ack(1, { positions: [{ deploymentId: DEPLOYMENT, epoch: 1, revision: 5 }] }));
  const lines = logger.lines.filter(({ message }) => message.includes('was the store restored from a copy?'));
  t.is(lines.length, 1);
  t.deepEqual(lines[0]?.fields, { agentId: 'a-1', agentRevision: 5, ownRevision: 1 });
});

test('a stream whose cluster has gone ends with that', async (t) => {
  const { views, trust, open } = scene();
  const { call } = open('a-1');
  await flush();
  call.take();
  views.clear();
  trust.publish(trustAt(2, 2));
  await flush();
  t.like(call.outcome, { code: 'NOT_FOUND' });
});

test('sessions are looked at each minute and at each revocation; a worthless one ends its stream alone', async (t) => {
  const { clock, refused, revocations, sync, agents, open } = scene();
  const stop = new AbortController();
  const running = sync.run(stop.signal);
  const streams = ['a-1', 'a-2', 'a-3'].map(open);
  await flush();
  refused.add('a-1');
  await clock.advance(59_999);
  t.is(streams[0]?.call.outcome, undefined);
  await clock.advance(1);
  t.like(streams[0]?.call.outcome, { code: 'UNAUTHENTICATED', message: 'log in again' });
  refused.add('a-2');
  revocations.publish({ version: 2 });
  await flush();
  t.like(streams[1]?.call.outcome, { code: 'UNAUTHENTICATED' });
  t.is(streams[2]?.call.outcome, undefined);
  t.deepEqual([...agents.list().keys()], ['a-3']);
  stop.abort();
  await running;
  t.is(clock.sleeping, 0);
});
