import type { LookupAddress } from 'node:dns';
import test from 'ava';
import { type Resolve, ServerAddress } from '../../src/issuer-client/server-address.js';

const FOUND: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '127.0.0.2', family: 4 },
  { address: '::1', family: 6 },
];
const found: Resolve = (_host, answer) => answer(null, FOUND);

/** What `net.connect` hears; `all`: whether it tries one after the other. */
function asked(address: ServerAddress, all: boolean): Promise<readonly unknown[]> {
  return new Promise((resolve) => address.lookup('server.test', { all }, (...heard) => resolve(heard)));
}

test('host and port of what an operator writes', (t) => {
  for (const [text, host, port] of [
    ['server.test:8443', 'server.test', 8443],
    ['10.0.0.1:1', '10.0.0.1', 1],
    ['[::1]:65535', '::1', 65535],
  ] as const) {
    t.like(new ServerAddress(text), { text, host, port });
  }
});

test('the addresses come in the order of the resolver; after each failure they begin with the next one', async (t) => {
  const address = new ServerAddress('server.test:1', found);
  const [a, b, c] = FOUND;
  for (const order of [
    [a, b, c],
    [b, c, a],
    [c, a, b],
    [a, b, c],
  ]) {
    t.deepEqual(await asked(address, true), [null, order]);
    t.deepEqual(await asked(address, true), [null, order]);
    t.deepEqual(await asked(address, false), [null, order[0]?.address, order[0]?.family]);
    address.failed();
  }
});

test('a name without an address, and one that cannot be asked for, are told', async (t) => {
  const failed = new Error('ENOTFOUND');
  t.deepEqual(await asked(new ServerAddress('a:1', (_host, answer) => answer(failed, [])), true), [failed, []]);
  t.deepEqual(await asked(new ServerAddress('a:1', (_host, answer) => answer(null, [])), true), [null, []]);
});

test('however many attempts there are, one question waits for its answer, and all get it', async (t) => {
  const answers: Parameters<Resolve>[1][] = [];
  const address = new ServerAddress('server.test:1', (_host, answer) => void answers.push(answer));
  const first = [asked(address, true), asked(address, true), asked(address, false)];
  t.is(answers.length, 1);
  answers[0]?.(null, FOUND);
  t.deepEqual(await Promise.all(first), [
    [null, FOUND],
    [null, FOUND],
    [null, '127.0.0.1', 4],
  ]);
  const second = asked(address, true);
  t.is(answers.length, 2);
  answers[1]?.(new Error('ETIMEOUT'), []);
  t.like((await second)[0], { message: 'ETIMEOUT' });
});
