import test from 'ava';
import { FirstAlone } from '../../../server-stub/src/cloud/azure/first-alone.js';

/** Calls that end when they are told to. */
class Calls {
  readonly begun: { readonly end: () => void; readonly fail: (error: unknown) => void }[] = [];
  readonly work = (): Promise<void> => new Promise<void>((end, fail) => this.begun.push({ end, fail }));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('those after the first call wait for it, and then go side by side', async (t) => {
  const [calls, alone] = [new Calls(), new FirstAlone()];
  const all = Array.from({ length: 3 }, () => alone.run(calls.work));
  await turn();
  t.is(calls.begun.length, 1);
  calls.begun[0]?.end();
  await turn();
  t.is(calls.begun.length, 3);
  for (const { end } of calls.begun) end();
  await Promise.all(all);
  void alone.run(calls.work);
  t.is(calls.begun.length, 4);
});

test('after a first call that failed the next one is the first', async (t) => {
  const [calls, alone] = [new Calls(), new FirstAlone()];
  const results = Promise.allSettled(Array.from({ length: 4 }, () => alone.run(calls.work)));
  await turn();
  calls.begun[0]?.fail(new Error('who are you'));
  await turn();
  t.is(calls.begun.length, 2);
  calls.begun[1]?.end();
  await turn();
  t.is(calls.begun.length, 4);
  for (const { end } of calls.begun) end();
  t.deepEqual(
    (await results).map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
});
