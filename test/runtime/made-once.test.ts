import test from 'ava';
import { madeOnce } from '../../src/runtime/made-once.js';

test('what is made is made once per object, and again when what it was made under has changed', (t) => {
  const made: string[] = [];
  const greeting = madeOnce(({ name }: { name: string }, under: string) => {
    made.push(`${under} ${name}`);
    return `${under} ${name}`;
  });
  const [alice, bob] = [{ name: 'alice' }, { name: 'bob' }];
  for (const under of ['hello', 'hello', 'bye', 'bye']) {
    t.is(greeting(alice, under), `${under} alice`);
    t.is(greeting(bob, under), `${under} bob`);
  }
  t.deepEqual(made, ['hello alice', 'hello bob', 'bye alice', 'bye bob']);
});
