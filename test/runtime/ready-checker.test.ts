import test from 'ava';
import type { Readiness } from '../../src/runtime/http-endpoint.js';
import { runReadyChecker } from '../../src/runtime/ready-checker.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { RecordingLogger } from '../fakes/recording-logger.js';

test('readiness is logged when it changes, and only then', async (t) => {
  const [clock, logger, stop] = [new FakeClock(), new RecordingLogger(), new AbortController()];
  let readiness: Readiness = { status: 'unready', reasons: ['no session yet'] };
  const running = runReadyChecker(() => readiness, logger, clock, stop.signal);
  await clock.advance(10_000);
  readiness = { status: 'ready', reasons: [] };
  await clock.advance(10_000);
  readiness = { status: 'degraded', reasons: ['the server is away'] };
  await clock.advance(10_000);
  t.deepEqual(
    logger.lines.map(({ level, message }) => `${level} ${message}`),
    [
      'warn Health check did not pass',
      'info Health check passed - all systems operational',
      'warn Health check did not pass',
    ],
  );
  t.deepEqual(logger.lines[2]?.fields, { status: 'degraded', reasons: ['the server is away'] });
  stop.abort();
  await running;
  t.is(clock.sleeping, 0);
});
