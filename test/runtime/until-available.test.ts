import test from 'ava';
import { SpirlError } from '../../src/runtime/errors.js';
import { untilAvailable } from '../../src/runtime/until-available.js';
import { WaitingTime } from '../../src/runtime/waiting-time.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { RecordingLogger } from '../fakes/recording-logger.js';

const away = () => Promise.reject(new SpirlError('KEY_SERVICE_UNAVAILABLE', 'AWS KMS is away'));
const signal = new AbortController().signal;
function patience() {
  const [clock, logger] = [new FakeClock(), new RecordingLogger()];
  return { clock, logger, time: new WaitingTime(60_000), what: 'AWS KMS' };
}

test('what is away is asked again, each time saying what is waited for, until it is back', async (t) => {
  const parts = patience();
  let asked = 0;
  const work = () => (++asked < 4 ? away() : Promise.resolve('back'));
  const done = untilAvailable(work, parts, signal);
  await parts.clock.advance(3_500);
  t.is(await done, 'back');
  t.deepEqual(
    parts.logger.lines.map(({ level, message, fields }) => [level, message, fields['nextTry']]),
    [
      ['warn', 'Waiting for AWS KMS', '500ms'],
      ['warn', 'Waiting for AWS KMS', '1s'],
      ['warn', 'Waiting for AWS KMS', '2s'],
    ],
  );
});

test('after the limit the last failure is told, with how long it was waited; tries are never further apart than 5 s', async (t) => {
  const parts = patience();
  const times: number[] = [];
  const work = () => {
    times.push(parts.clock.now());
    return away();
  };
  const done = t.throwsAsync(untilAvailable(work, parts, signal), {
    code: 'KEY_SERVICE_UNAVAILABLE',
    message: 'AWS KMS is away; waited 1m0s for it',
  });
  await parts.clock.advance(60_000);
  await done;
  const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  t.true(
    pauses.every((pause) => pause <= 5_000),
    String(pauses),
  );
  t.is(parts.clock.sleeping, 0);
});

test('a refusal ends it at once', async (t) => {
  const refused = new SpirlError('KEY_SERVICE_REFUSED', 'no permission');
  await t.throwsAsync(
    untilAvailable(() => Promise.reject(refused), patience(), signal),
    { is: refused },
  );
});

test('what does not answer at all is named after the limit', async (t) => {
  const parts = patience();
  const done = t.throwsAsync(
    untilAvailable(() => new Promise(() => {}), parts, signal),
    { code: 'KEY_SERVICE_UNAVAILABLE', message: 'AWS KMS did not answer; waited 1m0s for it' },
  );
  await parts.clock.advance(60_000);
  await done;
});

test('a start that is stopped stops waiting', async (t) => {
  const parts = patience();
  const stop = new AbortController();
  const done = t.throwsAsync(untilAvailable(away, parts, stop.signal), { message: 'stopped' });
  await parts.clock.advance(100);
  stop.abort(new Error('stopped'));
  await done;
});

test('several waits that share their time are over when it is, however late the last began', async (t) => {
  const parts = patience();
  const begun = parts.clock.now();
  const backAfter = (ms: number) => {
    const from = parts.clock.now();
    return () => (parts.clock.now() - from < ms ? away() : Promise.resolve('back'));
  };
  t.is(await parts.clock.through(untilAvailable(backAfter(20_000), parts, signal), 100), 'back');
  t.is(await parts.clock.through(untilAvailable(backAfter(25_000), parts, signal), 100), 'back');
  const last = t.throwsAsync(untilAvailable(away, parts, signal), {
    code: 'KEY_SERVICE_UNAVAILABLE',
    message: 'AWS KMS is away; waited 1m0s for it',
  });
  await parts.clock.through(last, 100);
  t.true(Math.abs(parts.clock.now() - begun - 60_000) <= 200, String(parts.clock.now() - begun));
  t.is(parts.time.leftMs, 0);
});
