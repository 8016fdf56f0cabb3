import test from 'ava';
import { TurnsByAgent } from '../../../server-stub/src/api/turns-by-agent.js';

test('agents have their turns, each with its oldest job', (t) => {
  const turns = new TurnsByAgent<string>();
  for (const job of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) turns.push(job.charAt(0), job);
  const order = Array.from({ length: 7 }, () => turns.shift());
  t.deepEqual(order, ['a1', 'b1', 'c1', 'a2', 'c2', 'a3', undefined]);
  t.is(turns.size, 0);
});

test('how many go before a new job is a matter of rounds, not of what other agents have', (t) => {
  const turns = new TurnsByAgent<string>();
  t.is(turns.ahead('a'), 0);
  for (const job of ['a1', 'a2', 'a3', 'b1']) turns.push(job.charAt(0), job);
  t.is(turns.ahead('c'), 2);
  t.is(turns.ahead('b'), 4);
  t.is(turns.ahead('a'), 4);
});

test('jobs that are taken out leave their turns to the others', (t) => {
  const turns = new TurnsByAgent<string>();
  for (const job of ['a1', 'a2', 'b1', 'c1']) turns.push(job.charAt(0), job);
  t.deepEqual(
    turns.remove((job) => job.endsWith('1'), 'a'),
    ['a1'],
  );
  t.deepEqual(
    turns.remove((job) => job === 'b1'),
    ['b1'],
  );
  t.is(turns.size, 2);
  t.deepEqual([turns.shift(), turns.shift(), turns.shift()], ['a2', 'c1', undefined]);
});
