import test from 'ava';
import { Circuit } from '../../../../server-stub/src/key-manager/remote/circuit.js';
import { InFlightLimit } from '../../../../server-stub/src/key-manager/remote/in-flight-limit.js';

const middle = () => 0.5;

function opened(): Circuit {
  const circuit = new Circuit(middle);
  for (let i = 0; i < 5; i++) circuit.failed(0);
  return circuit;
}

test('failures that are not in a row open nothing', (t) => {
  const circuit = new Circuit(middle);
  for (let i = 0; i < 20; i++) {
    circuit.failed(0);
    if (i % 4 === 3) circuit.answered();
  }
  t.is(circuit.state, 'closed');
});

test('five in a row open it: nobody asks for a second, then one probe goes ahead, alone', (t) => {
  const circuit = opened();
  t.false(circuit.admits(999));
  t.true(circuit.admits(1000));
  t.is(circuit.state, 'probing');
  t.false(circuit.admits(1000));
  circuit.answered();
  t.true(circuit.admits(1000));
});

test('each probe that fails doubles the pause, up to fifteen seconds', (t) => {
  const circuit = opened();
  let now = 0;
  for (const pause of [1000, 2000, 4000, 8000, 15_000, 15_000]) {
    t.false(circuit.admits(now + pause - 1));
    now += pause;
    t.true(circuit.admits(now));
    circuit.failed(now);
  }
});

test('a probe whose caller went away lets the next one probe', (t) => {
  const circuit = opened();
  t.true(circuit.admits(1000));
  circuit.abandoned(1100);
  t.true(circuit.admits(1100));
});

test('late failures of calls that began before it opened do not put the probe off', (t) => {
  const circuit = opened();
  circuit.failed(900);
  t.true(circuit.admits(1000));
});

test('throttling halves the calls in flight once per burst, answers bring them back one by one', (t) => {
  const limit = new InFlightLimit(8);
  for (let i = 0; i < 10; i++) limit.throttled(0);
  t.is(limit.value, 4);
  limit.throttled(500);
  t.is(limit.value, 2);
  for (let at = 1000; at < 4000; at += 500) limit.throttled(at);
  t.is(limit.value, 1);
  const steps = [1, 2, 3, 4, 5, 6, 7];
  for (const step of steps) {
    for (let answers = 0; answers < step; answers++) limit.answered();
    t.is(limit.value, step + 1);
  }
  limit.answered();
  t.is(limit.value, 8);
});
