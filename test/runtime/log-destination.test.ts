import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { lineByLine } from '../../bench/micro/tricks/plain-serving.js';
import { fileDescriptorDestination } from '../../src/runtime/log-destination.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const line = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }).map((text) => `${text}\n`),
  fc.integer({ min: 60_000, max: 70_000 }).map((length) => `${'ü'.repeat(length)}\n`),
);
/** Lines of several turns. */
const turns = fc.array(fc.array(line, { maxLength: 6 }), { maxLength: 5 });

test('lines written together are the lines written one by one, however long and however many turns', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'log-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const paths = [join(directory, 'together'), join(directory, 'each')] as const;
  await fc.assert(
    fc.asyncProperty(turns, fc.boolean(), async (logged, flushed) => {
      const [fd, plainFd] = [openSync(paths[0], 'w'), openSync(paths[1], 'w')];
      const [together, each] = [fileDescriptorDestination(fd), lineByLine(plainFd)];
      for (const lines of logged) {
        for (const one of lines) {
          together.write(one);
          each.write(one);
        }
        // A process that ends does not wait for its turn.
        if (flushed) together.flush();
        else await turn();
        t.true(readFileSync(paths[0]).equals(readFileSync(paths[1])));
      }
      await turn();
      closeSync(fd);
      closeSync(plainFd);
    }),
    { numRuns: 60 },
  );
});

/** Opens `path` as the descriptor `fd`, which must be free. */
function openAs(fd: number, path: string): void {
  const others: number[] = [];
  for (let opened = openSync(path, 'w'); opened !== fd; opened = openSync(path, 'w')) others.push(opened);
  others.forEach(closeSync);
}

test('a log on a full disk ends nothing: lines are kept for the time when there is room again, and those beyond are counted', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'log-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'log');
  const told: string[] = [];
  const fd = openSync('/dev/full', 'w');
  const log = fileDescriptorDestination(fd, ({ message }, lost) => told.push(`${message}: ${lost} lost`));
  const lines = Array.from({ length: 30 }, (_, i) => `${i} ${'x'.repeat(50_000)}\n`);

  for (const line of lines) log.write(line);
  log.flush();
  t.deepEqual(told, []);
  closeSync(fd);
  openAs(fd, path);
  log.write('room again\n');
  log.flush();
  log.write('and on\n');
  log.flush();

  const written = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  t.deepEqual(written.splice(-2), ['room again', 'and on']);
  t.is(written.length, 20, 'a mebibyte');
  t.true(written.every((line, i) => `${line}\n` === lines[i]));
  t.deepEqual(told, ['ENOSPC: no space left on device, write: 10 lost']);
  closeSync(fd);
});
