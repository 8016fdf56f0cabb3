import test from 'ava';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseScenario } from '../../bench/fleet/scenario.js';
import { InvalidConfigError } from '../../src/runtime/problems.js';
import { projectRoot } from '../architecture/source-tree.js';

const examples = join(projectRoot, 'bench/fleet/examples');

for (const name of readdirSync(examples)) {
  test(`the example ${name} is a scenario`, (t) => {
    t.notThrows(() => parseScenario(readFileSync(join(examples, name), 'utf8'), name));
  });
}

const wrong: { setting: string; yaml: string; path: string; says: RegExp }[] = [
  { setting: 'no name', yaml: 'agents: {}', path: '/name', says: /required/ },
  { setting: 'an unknown setting', yaml: 'agents: { cuont: 3 }', path: '/agents/cuont', says: /known here: count/ },
  { setting: 'too many agents', yaml: 'agents: { count: 9000000 }', path: '/agents/count', says: /1 to 2000000/ },
  {
    setting: 'a rate without a unit',
    yaml: 'servers: { capacity: 4000 }',
    path: '/servers/capacity',
    says: /1\/s to 1000000\/s \(such as 1000\/s\)/,
  },
  { setting: 'a share above the whole', yaml: 'agents: { tooOld: 120% }', path: '/agents/tooOld', says: /0% to 100%/ },
  {
    setting: 'a duration without a unit',
    yaml: 'svids: { x509TTL: 60 }',
    path: '/svids/x509TTL',
    says: /duration from 1m/,
  },
  {
    setting: 'a distribution upside down',
    yaml: 'network: { latency: uniform 5s..1s }',
    path: '/network/latency',
    says: /uniform X\.\.Y/,
  },
  { setting: 'a latency out of range', yaml: 'network: { latency: 20s }', path: '/network/latency', says: /0s to 10s/ },
  {
    setting: 'a quota that is no rate',
    yaml: 'keyManager: { quota: plenty }',
    path: '/keyManager/quota',
    says: /or none/,
  },
  {
    setting: 'an unknown failure',
    yaml: 'failures: [{ what: earthquake }]',
    path: '/failures/0/what',
    says: /replicas lost/,
  },
  {
    setting: 'a failure’s count',
    yaml: 'failures: [{ what: replicas lost, count: 0 }]',
    path: '/failures/0/count',
    says: /1 to 1000/,
  },
  {
    setting: 'a price below zero',
    yaml: 'keyManager: { pricePer10000: -1 }',
    path: '/keyManager/pricePer10000',
    says: /from 0 to 1000000 \(in the currency\)/,
  },
];
for (const { setting, yaml, path, says } of wrong) {
  test(`refused with its path and range: ${setting}`, (t) => {
    const named = setting === 'no name' ? yaml : `name: x\n${yaml}`;
    const error = t.throws(() => parseScenario(named, 's.yaml'), { instanceOf: InvalidConfigError });
    t.deepEqual(
      error.problems.map((problem) => problem.path),
      [path],
    );
    t.regex(error.problems[0]?.reason ?? '', says);
  });
}

test('all that is wrong is told at once', (t) => {
  const yaml = 'agents: { count: 0, svids: none }\nservers: { replicas: 0 }\nhorizon: 1';
  const error = t.throws(() => parseScenario(yaml, 's.yaml'), { instanceOf: InvalidConfigError });
  t.deepEqual(error.problems.map(({ path }) => path).sort(), [
    '/agents/count',
    '/agents/svids',
    '/horizon',
    '/name',
    '/servers/replicas',
  ]);
});

const together: { what: string; yaml: string; path: string }[] = [
  { what: 'more SVIDs than fit', yaml: 'agents: { count: 2000000, svids: 1000 }', path: '/agents/svids' },
  {
    what: 'more replicas lost than there are',
    yaml: 'failures: [{ what: replicas lost, count: 4 }]',
    path: '/failures/0/count',
  },
  { what: 'a zone that is not there', yaml: 'failures: [{ what: zone cut off, zone: 2 }]', path: '/failures/0/zone' },
  { what: 'a key manager that is not there', yaml: 'failures: [{ what: key manager away }]', path: '/failures/0/what' },
  {
    what: 'more SVIDs than fit, of a distribution',
    yaml: 'agents: { count: 100000, svids: uniform 1..10000 }',
    path: '/agents/svids',
  },
  {
    what: 'a rotation after the end',
    yaml: 'horizon: 1m\nrotation: { prepareAt: 2m }',
    path: '/rotation/prepareAt',
  },
  {
    what: 'a failure after the end',
    yaml: 'horizon: 1m\nfailures: [{ what: agents restarted, at: 2m }]',
    path: '/failures/0/at',
  },
];
for (const { what, yaml, path } of together) {
  test(`settings that contradict each other: ${what}`, (t) => {
    const error = t.throws(() => parseScenario(`name: x\n${yaml}`, 's.yaml'), { instanceOf: InvalidConfigError });
    t.deepEqual(
      error.problems.map((problem) => problem.path),
      [path],
    );
  });
}
