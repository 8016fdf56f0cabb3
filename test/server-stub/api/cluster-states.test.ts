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
  return { trust, views, listeners, states, made: () => made };
}

test('all agents of a cluster are given the same state, made once per change', async (t) => {
  const { trust, states, made } = scene();
  const stop = new AbortController();
  const readers = Array.from({ length: 50 }, () => states.follow('c-1', () => {}, stop.signal));
  t.is(new Set(readers.map((read) => read())).size, 1);
  trust.publish(trustAt(2, 9));
  await turn();
  t.deepEqual([...new Set(readers.map((read) => read().revision))], [9]);
  t.is(made(), 2);
  stop.abort();
});

test('a change that leaves the content as it is gives the same state', async (t) => {
  const { listeners, views, states } = scene();
  const stop = new AbortController();
  let told = 0;
  const read = states.follow('c-1', () => told++, stop.signal);
  const before = read();
  for (const changed of listeners) changed();
  await turn();
  t.is(told, 1);
  t.is(read(), before);
  views.set('c-1', 2);
  for (const changed of listeners) changed();
  t.not(read(), before);
  stop.abort();
});

test('many are told in slices, each once, and who has left is not told', async (t) => {
  const { trust, states } = scene();
  const [stop, left] = [new AbortController(), new AbortController()];
  let told = 0;
  for (let i = 0; i < 6_000; i++) states.follow('c-1', () => told++, stop.signal);
  states.follow('c-1', () => t.fail('told after it left'), left.signal);
  await turn();
  trust.publish(trustAt(2, 2));
  trust.publish(trustAt(3, 3));
  left.abort();
  t.is(told, 0);
  const seen: number[] = [];
  for (let i = 0; i < 4; i++) {
    await turn();
    seen.push(told);
  }
  t.deepEqual(seen, [2_500, 5_000, 6_000, 6_000]);
  stop.abort();
});

test('a cluster that nobody follows any more is not followed either, and one that is gone fails its reader', (t) => {
  const { listeners, views, states } = scene();
  const stop = new AbortController();
  const read = states.follow('c-1', () => {}, stop.signal);
  read();
  views.clear();
  for (const changed of listeners) changed();
  t.throws(read, { message: 'no such cluster' });
  stop.abort();
  t.is(listeners.size, 0);
});
