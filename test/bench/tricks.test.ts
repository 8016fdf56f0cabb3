import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { projectRoot } from '../../bench/rig/program.js';
import { TRICKS } from '../../bench/rows/tricks.js';

const PAGES = ['docs/decisions/0004-mint-workers.md', 'docs/decisions/0005-http2-of-our-own.md'];
const HEADER = '| trick | where | cost, of the plain way | equal to the plain way by |';

/** The cells of each row of the tables of tricks. */
function tableRows(): string[][] {
  return PAGES.flatMap((page) => {
    const lines = readFileSync(join(projectRoot, page), 'utf8').split('\n');
    const begin = lines.indexOf(HEADER) + 2;
    const end = lines.findIndex((line, at) => at >= begin && !line.startsWith('|'));
    return lines.slice(begin, end).map((line) => line.slice(1, -1).split(' | '));
  });
}

const rows = tableRows();

for (const { name } of TRICKS) {
  test(`"${name}" stands with its measured cost in one row of the tables of tricks`, (t) => {
    const telling = rows.filter(([, , cost = '']) => cost.includes(`${name}: `));
    t.is(telling.length, 1);
    t.regex(telling[0]?.[2]?.split(`${name}: `)[1] ?? '', /^\d+(\.\d+)? \(/);
  });
}

test('each row of the tables of tricks has a cost, a file and a test that are there', (t) => {
  t.true(rows.length >= 16);
  for (const [what = '', where = '', cost = '', tests = ''] of rows) {
    t.true(
      TRICKS.some(({ name }) => cost.includes(name)),
      what,
    );
    const named = (cell: string): string[] => [...cell.matchAll(/`([^`]+\.ts)`/g)].map(([, path = '']) => path);
    t.true(named(where).length > 0 && named(tests).length > 0, what);
    for (const path of named(where)) t.true(sources(path).some(existsSync), path);
    for (const path of named(tests)) t.true(existsSync(join(projectRoot, 'test', path)), path);
  }
});

/** Paths are as short as in the text around the tables. */
function sources(path: string): string[] {
  return ['src', 'server-stub/src'].map((root) => join(projectRoot, root, path));
}

test('both sides of each trick can be run', async (t) => {
  for (const trick of TRICKS) {
    const { trick: tricky, plain, close } = await trick.open();
    await tricky(2);
    await plain(2);
    await close?.();
  }
  t.pass();
});
