import test from 'ava';
import { SpirlError } from '../../../src/runtime/errors.js';
import type { ServedCall } from '../../../src/runtime/grpc-server/served-call.js';
import { callThatSendsNothing } from '../../fakes/silent-call.js';

const LATE = new SpirlError('DEADLINE_EXCEEDED', 'too late');
const ENDS: Readonly<Record<string, (call: ServedCall) => void>> = {
  'is answered': (call) => call.end(),
  fails: (call) => call.fail(LATE),
  'is cancelled': (call) => call.closed(),
  'is answered and then cancelled': (call) => {
    call.end();
    call.closed();
  },
  'fails twice': (call) => {
    call.fail(LATE);
    call.fail(new Error('another'));
  },
};

for (const [how, end] of Object.entries(ENDS)) {
  test(`of a call that ${how} a signal says the same, whether it was asked for before or after`, (t) => {
    const [early, lateCall] = [callThatSendsNothing(), callThatSendsNothing()];
    const before = early.signal;
    let told = 0;
    before.addEventListener('abort', () => (told += 1));
    t.false(before.aborted);
    end(early);
    end(lateCall);
    const after = lateCall.signal;
    t.is(told, 1);
    t.is(early.signal, before);
    t.is(lateCall.signal, after);
    t.deepEqual([after.aborted, lateCall.isGone], [before.aborted, early.isGone]);
    t.true(after.aborted);
    t.is(after.reason, before.reason);
  });
}
