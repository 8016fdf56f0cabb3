import test from 'ava';
import { IssuanceQueue } from '../../../server-stub/src/api/agent-issuance-queue.js';
import { TurnsByAgent } from '../../../server-stub/src/api/turns-by-agent.js';
import { flush } from '../../fakes/fake-clock.js';

test('agents have their turns, each with its oldest job', (t) => {
  const turns = new TurnsByAgent<string>();
  for (const job of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) turns.push(job.charAt(0), job);
  const order = Array.from({ length: 7 }, () => turns.shift());
  t.deepEqual(order, ['a1', 'b1', 'c1', 'a2', 'c2', 'a3', undefined]);
  t.is(turns.size, 0);
});

test('an agent with a thousand waiting workloads does not keep another agent waiting', async (t) => {
  const queue = new IssuanceQueue({ concurrency: 1, waiting: 5000, perAgent: 2000, perTurn: 1000 });
  const gates: (() => void)[] = [];
  const started: string[] = [];
  const job = (name: string) => () => {
    started.push(name);
    return new Promise<void>((resolve) => gates.push(resolve));
  };
  const all = Array.from({ length: 1000 }, (_, n) => queue.run('a', 'first', job(`a${n}`)));
  all.push(queue.run('b', 'first', job('b')));
  for (let ended = 0; ended < 3; ended++) {
    gates[ended]?.();
    await flush();
  }
  t.deepEqual(started, ['a0', 'a1', 'b', 'a2']);
});
