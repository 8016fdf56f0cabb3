import test from 'ava';
import { ClusterStates } from '../../../server-stub/src/api/cluster-states.js';
import { Latest } from '../../../src/runtime/latest.js';
import { trustAt } from '../../fakes/agents-endpoint.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function scene() {
  const trust = new Latest(trustAt(1, 1));
  const views = new Map([['c-1', 1]]);
  const listeners = new Set<() => void>();
  let made = 0;
  const clusters = {
    view: (id: string) => {
      made++;
      const version = views.get(id);
      if (version === undefined) throw new Error('no such cluster');
      return { policy: { version, reads: [] }, sections: {} };
    },
    subscribe: (_id: string, changed: () => void, signal: AbortSignal) => {
      listeners.add(changed);
      signal.addEventListener('abort', () => listeners.delete(changed));
    },
  };
  const states = new ClusterStates({ trust, clusters, deploymentId: trust.value.deployments[0]?.deploymentId ?? '' });
  const follow = (changed = (): void => {}) => {
    const follower = { changed };
    const feed = states.follow('c-1', follower);
    return { read: () => feed.state(), leave: () => feed.leave(follower) };
  };
  return { trust, views, listeners, follow, made: () => made };
}

test('all agents of a cluster are given the same state, made once per change', async (t) => {
  const { trust, follow, made } = scene();
  const readers = Array.from({ length: 50 }, () => follow());
  t.is(new Set(readers.map(({ read }) => read())).size, 1);
  trust.publish(trustAt(2, 9));
  await turn();
  t.deepEqual([...new Set(readers.map(({ read }) => read().revision))], [9]);
  t.is(made(), 2);
});

test('a change that leaves the content as it is gives the same state', async (t) => {
  const { listeners, views, follow } = scene();
  let told = 0;
  const { read } = follow(() => told++);
  const before = read();
  for (const changed of listeners) changed();
  await turn();
  t.is(told, 1);
  t.is(read(), before);
  views.set('c-1', 2);
  for (const changed of listeners) changed();
  t.not(read(), before);
});

test('many are told in slices, each once, and who has left is not told', async (t) => {
  const { trust, follow } = scene();
  let told = 0;
  for (let i = 0; i < 6_000; i++) follow(() => told++);
  const leaving = follow(() => t.fail('told after it left'));
  await turn();
  trust.publish(trustAt(2, 2));
  trust.publish(trustAt(3, 3));
  leaving.leave();
  t.is(told, 0);
  const seen: number[] = [];
  for (let i = 0; i < 4; i++) {
    await turn();
    seen.push(told);
  }
  t.deepEqual(seen, [2_500, 5_000, 6_000, 6_000]);
});

test('a cluster that nobody follows any more is not followed either, and one that is gone fails its reader', (t) => {
  const { listeners, views, follow } = scene();
  const [first, last] = [follow(), follow()];
  last.read();
  first.leave();
  t.is(listeners.size, 1);
  views.clear();
  for (const changed of listeners) changed();
  t.throws(last.read, { message: 'no such cluster' });
  last.leave();
  t.is(listeners.size, 0);
});
