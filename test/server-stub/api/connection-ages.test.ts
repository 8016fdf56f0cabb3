import { Socket } from 'node:net';
import test from 'ava';
import { ConnectionAges } from '../../../server-stub/src/api/connection-ages.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';

const LIMITS = { ageMs: 10_000, ageGraceMs: 500 };

class OldConnection {
  readonly socket = new Socket();
  left = 0;
  leave(): void {
    this.left++;
  }
}

function connections(ages: ConnectionAges, count: number): OldConnection[] {
  return Array.from({ length: count }, () => {
    const connection = new OldConnection();
    ages.follow(connection.socket, connection);
    return connection;
  });
}

test('connections that came together are asked to go between 90 and 110 % of the age, not together', async (t) => {
  const clock = new FakeClock();
  const old = connections(new ConnectionAges(LIMITS, clock), 320);
  const left = (): number => old.filter((connection) => connection.left === 1).length;
  await clock.advance(8_999);
  t.is(left(), 0);
  await clock.advance(1_001);
  t.true(left() >= 140 && left() <= 180, `${left()} of 320 after the middle`);
  await clock.advance(1_000);
  t.is(left(), 320);
});

test('a connection that stays after it was asked is closed after the grace time', async (t) => {
  const clock = new FakeClock();
  const [old] = connections(new ConnectionAges(LIMITS, clock), 1);
  await clock.advance(9_499);
  t.is(old?.left, 1);
  t.false(old?.socket.destroyed);
  await clock.advance(1);
  t.true(old?.socket.destroyed);
});

test('a connection that has closed is asked nothing', async (t) => {
  const clock = new FakeClock();
  const [closed] = connections(new ConnectionAges(LIMITS, clock), 1);
  closed?.socket.destroy();
  await flush();
  await clock.advance(60_000);
  t.is(closed?.left, 0);
});

test('after the end no connection is too old, and nothing waits', async (t) => {
  const clock = new FakeClock();
  const ages = new ConnectionAges(LIMITS, clock);
  const old = connections(ages, 40);
  ages.close();
  await flush();
  t.is(clock.sleeping, 0);
  await clock.advance(60_000);
  t.true(old.every(({ left, socket }) => left === 0 && !socket.destroyed));
});
