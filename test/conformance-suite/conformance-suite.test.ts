import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { projectRoot } from '../architecture/source-tree.js';
import type { OptionalInputs } from '../conformance/clause.js';
import { rowsOfPage } from '../conformance/page.js';
import { runClause, suite, type ClauseResult } from '../conformance/suite.js';
import { FakeWorkloadApi, type Fault } from '../fakes/fake-workload-api.js';

/** Runs the suite, all tests at once except those that rotate. */
async function runAll(fake: FakeWorkloadApi, inputs: OptionalInputs): Promise<ClauseResult[]> {
  const quiet = suite.filter(({ needs }) => needs !== 'rotate');
  const results = await Promise.all(quiet.map((clause) => runClause(clause, fake.uri, inputs)));
  for (const clause of suite.filter(({ needs }) => needs === 'rotate')) {
    results.push(await runClause(clause, fake.uri, inputs));
  }
  return results;
}

test('a correct endpoint passes; what needs an option is not run', async (t) => {
  const fake = await FakeWorkloadApi.start();
  t.teardown(() => fake.stop());
  const results = await runAll(fake, { rotate: () => fake.rotate() });
  t.deepEqual(
    results.filter(({ result }) => result === 'fail').map(({ clause, detail }) => `${clause}: ${detail}`),
    [],
  );
  t.deepEqual([...new Set(results.filter(({ result }) => result === 'not run').map(({ detail }) => detail))].sort(), [
    'needs a bundle document (--bundle-document)',
    'needs a socket of a caller without identity (--stranger-socket)',
  ]);
});

const faults: { fault: Fault; clauses: string[] }[] = [
  { fault: 'accepts any header', clauses: ['EP-4'] },
  { fault: 'accepts an empty audience', clauses: ['WA-8'] },
  { fault: 'accepts any token', clauses: ['RP-6', 'RP-7', 'J-1', 'J-2', 'J-6'] },
  { fault: 'sends a PEM bundle', clauses: ['RP-1', 'RP-3', 'X-9'] },
  { fault: 'sends unknown trust domains', clauses: ['RP-3', 'RP-5', 'J-9'] },
  { fault: 'has no reflection', clauses: ['EP-10', 'EP-11'] },
  { fault: 'implements WIT badly', clauses: ['WA-2'] },
];
for (const { fault, clauses } of faults) {
  test(`the suite notices an endpoint that ${fault}`, async (t) => {
    const fake = await FakeWorkloadApi.start(fault);
    t.teardown(() => fake.stop());
    const watched = suite.filter(({ clause, needs }) => clauses.includes(clause) && needs === undefined);
    const results = await Promise.all(watched.map((clause) => runClause(clause, fake.uri, {})));
    const failed = new Set(results.filter(({ result }) => result === 'fail').map(({ clause }) => clause));
    t.deepEqual([...failed].sort(), [...clauses].sort());
  });
}

test('clauses of callers without identity and of bundle documents run when their input is there', async (t) => {
  const fake = await FakeWorkloadApi.start();
  t.teardown(() => fake.stop());
  const optional = suite.filter(({ needs }) => needs === 'strangerUri' || needs === 'bundleDocument');
  const inputs = { strangerUri: fake.uri, bundleDocument: '{"spiffe_sequence":"1"}' };
  const results = await Promise.all(optional.map((clause) => runClause(clause, fake.uri, inputs)));
  t.true(results.every(({ result }) => result !== 'not run'));
  t.true(results.filter(({ clause }) => clause === 'EP-8').every(({ result }) => result === 'fail'));
  t.true(results.filter(({ clause }) => clause === 'B-1').every(({ result }) => result === 'fail'));
});

test('docs/conformance.md lists exactly the clauses and tests of the suite', async (t) => {
  const page = await readFile(join(projectRoot, 'docs/conformance.md'), 'utf8');
  t.deepEqual(
    rowsOfPage(page),
    suite.map(({ clause, shows }) => `${clause}: ${shows}`),
  );
});
