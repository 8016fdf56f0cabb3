import test from 'ava';
import { SpirlError } from '../../src/runtime/errors.js';
import { createPinoLogger, type LogSettings } from '../../src/runtime/pino-logger.js';
import { FakeClock } from '../fakes/fake-clock.js';

function setUp(settings: Partial<LogSettings> = {}) {
  const lines: string[] = [];
  const to = { write: (line: string) => void lines.push(line) };
  const logger = createPinoLogger('agent', { format: 'json', level: 'info', ...settings }, new FakeClock(1_500), to);
  return { logger, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('a JSON line has level, ts in seconds, logger, msg and the fields', (t) => {
  const { logger, parsed } = setUp();
  logger.named('endpoints').info('Bundle added or updated', { trustDomain: 'example.org', count: 2 });
  t.deepEqual(parsed(), [
    {
      level: 'info',
      ts: 1.5,
      logger: 'agent.endpoints',
      trustDomain: 'example.org',
      count: 2,
      msg: 'Bundle added or updated',
    },
  ]);
});

test('a text line is time, level, logger, message, key=value', (t) => {
  const { logger, lines } = setUp({ format: 'text' });
  logger
    .named('keys')
    .info('Key wrapping via KMS', { keyARN: 'arn:aws:kms:us-east-1:123456789012:key/example-key-id' });
  logger.warn('two words', { a: 'x y', b: { c: [1] }, d: 'q"q', e: '' });
  t.deepEqual(lines, [
    '1970-01-01T00:00:01.500Z  INFO  agent.keys  Key wrapping via KMS keyARN=arn:aws:kms:us-east-1:123456789012:key/example-key-id\n',
    '1970-01-01T00:00:01.500Z  WARN  agent  two words a="x y" b={"c":[1]} d="q\\"q" e=""\n',
  ]);
});

test('lines less severe than the level are not written', (t) => {
  const { logger, parsed } = setUp({ level: 'warn' });
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.named('x').error('d');
  t.deepEqual(
    parsed().map(({ level }) => level),
    ['warn', 'error'],
  );
});

test('an error is its message and code; causes only at debug', (t) => {
  const error = new SpirlError('STORE_FAILED', 'not written', { cause: new Error('ENOSPC on /var') });
  const quiet = setUp();
  quiet.logger.error('failed', { error });
  t.deepEqual(quiet.parsed()[0], {
    level: 'error',
    ts: 1.5,
    logger: 'agent',
    error: 'not written',
    error_code: 'STORE_FAILED',
    msg: 'failed',
  });
  const loud = setUp({ level: 'debug' });
  loud.logger.error('failed', { error });
  t.deepEqual(loud.parsed()[0]?.['error_causes'], ['ENOSPC on /var']);
});

for (const format of ['json', 'text'] as const) {
  test(`nothing in a ${format} field or message begins a new line or reaches the terminal`, (t) => {
    const { logger, lines } = setUp({ format });
    logger.info('a\nb\u001b[31m', { 'k\n': 'v\r\nv', list: ['x\ny\u001b'], u: '\u2028\u0085' });
    t.is(lines.length, 1);
    t.is(lines[0]?.trimEnd().split(/[\n\r\u001b]/).length, 1);
  });
}

test('a field cannot stand in for the level or the message', (t) => {
  const { logger, lines, parsed } = setUp();
  logger.info('real', { msg: 'fake', level: 'error', ts: 0, logger: 'x' });
  t.is(parsed()[0]?.['msg'], 'real');
  t.is(lines[0]?.split('"msg"').length, 2);
  t.is(parsed()[0]?.['field_msg'], 'fake');
});

test('bytes are never written, long texts are cut, big integers are numbers in a text', (t) => {
  const { logger, parsed } = setUp();
  logger.info('x', { key: Buffer.from('secret'), long: 'y'.repeat(10_000), big: 7n });
  const [line] = parsed();
  t.is(line?.['key'], '(6 bytes)');
  t.is((line?.['long'] as string).length, 4096 + '… (5904 more)'.length);
  t.is(line?.['big'], '7');
});
