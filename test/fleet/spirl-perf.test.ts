import test from 'ava';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runSpirlPerf } from '../../bench/cli/spirl-perf.js';
import type { Foresight } from '../../bench/fleet/foresee.js';
import { projectRoot } from '../architecture/source-tree.js';
import { FakeClock } from '../fakes/fake-clock.js';

const examples = join(projectRoot, 'bench/fleet/examples');
const RESULTS = JSON.stringify({
  about: 'a date',
  rows: [
    {
      id: 'B3',
      figures: [
        { name: 'X.509 in batches of 1, of SPIRE seen', absolute: { 'per server CPU second': '3445' } },
        { name: 'X.509 in batches of 10, of SPIRE seen', absolute: { 'per server CPU second': '8605' } },
      ],
    },
  ],
});
const SMALL = ['--set', 'agents.count=200', '--set', 'servers.replicas=1'];

async function run(...args: string[]) {
  const result = { code: 0, out: '', err: '', files: new Map<string, string>() };
  result.code = await runSpirlPerf(args, '0.0.0', {
    clock: new FakeClock(),
    examples: () => readdirSync(examples).sort(),
    read: (file) => (file === 'results.json' ? RESULTS : readFileSync(join(examples, `${file}.yaml`), 'utf8')),
    write: (file, text) => void result.files.set(file, text),
    out: (text) => void (result.out += text),
    err: (text) => void (result.err += text),
    isTerminal: false,
    untilStopped: () => new AbortController().signal,
  });
  return result;
}

test('one command answers whether the old keyset can be removed', async (t) => {
  const { code, out } = await run('simulate', 'can-i-remove', '--set', 'agents.count=500');
  t.is(code, 0);
  t.regex(out, /^✓ YES, remove after 2 min breaks no X\.509-SVID/m);
  t.regex(out, /^✓ No gap/m);
});

test('a remove that comes too early is said to be, with what it breaks and when it would be safe', async (t) => {
  const { out } = await run('simulate', 'runbook-100', '--set', 'rotation.removeAfter=20s');
  t.regex(out, /^✗ NO, not after 20\.0 s: wait \d+\.\d s from when taint has returned\.$/m);
  t.regex(out, /^✗ Removed after 20\.0 s, [\d,]+ identities would hold an X\.509-SVID that nobody trusts/m);
  t.regex(out, /safe from +\d+\.\d s/);
});

test('agents too old to know a taint are named as the reason', async (t) => {
  const { out } = await run('simulate', 'runbook-100', '--set', 'agents.tooOld=10%');
  t.regex(out, /agents too old to know the taint/);
});

test('the same seed gives the same bytes, as text, JSON and page', async (t) => {
  const args = [
    'simulate',
    'bad-day',
    ...SMALL,
    '--set',
    'failures=[]',
    '--html',
    'page.html',
    '-o',
    'json',
    '--seed',
    '4',
  ];
  const [first, second] = [await run(...args), await run(...args)];
  t.is(first.out, second.out);
  t.is(first.files.get('page.html'), second.files.get('page.html'));
  t.not(first.out, (await run(...args, '--seed', '5')).out);
});

test('the page is one file that loads nothing and runs nothing', async (t) => {
  const { files } = await run('simulate', 'runbook-100', '--html', 'page.html', '--set', 'name="<b>&"');
  const page = files.get('page.html') ?? '';
  t.regex(page, /<svg /);
  t.notRegex(page, /https?:|<script|<link|<img|@import|url\(/);
  t.regex(page, /default-src 'none'/);
  t.false(page.includes('<b>&"'));
  t.true(page.includes('&lt;b&gt;&amp;'));
});

test('JSON has the curves and the figures', async (t) => {
  const { out } = await run('simulate', 'wave-under-quota', ...SMALL, '-o', 'json');
  const { report, remove } = JSON.parse(out) as Foresight;
  t.true((report.wave?.t100Ms ?? 0) > 50_000);
  t.true((remove?.x509WaitMs ?? 0) > 0);
  t.is(report.curves.minted.wave.length, report.curves.onOld.length);
  t.is(report.keyManager?.quota, 1000);
});

test('a wrong scenario is refused with all that is wrong', async (t) => {
  const { code, err, out } = await run(
    'simulate',
    'runbook-100',
    '--set',
    'agents.count=0',
    '--set',
    'servers.capacity=fast',
  );
  t.is(code, 1);
  t.is(out, '');
  t.regex(err, /\/agents\/count: a whole number from 1 to 2000000/);
  t.regex(err, /\/servers\/capacity: a rate per second from 1\/s to 1000000\/s/);
});

const usage: readonly (readonly string[])[] = [
  ['simulate'],
  ['simulate', 'runbook-100', '--seed', 'x'],
  ['simulate', 'runbook-100', '--set', 'agents.count'],
  ['simulate', 'runbook-100', '-o', 'pdf'],
  ['plan', 'runbook-100'],
  ['plan', 'runbook-100', '--within', '3'],
  ['forecast'],
];
for (const args of usage) {
  test(`wrong usage ends with 2: spirl-perf ${args.join(' ')}`, async (t) => t.is((await run(...args)).code, 2));
}

test('an unknown scenario is answered with the examples', async (t) => {
  const { code, err } = await run('simulate', 'nothing');
  t.is(code, 1);
  t.regex(err, /no such file or example; the examples are bad-day, can-i-remove/);
});

test('a plan says what to do, in the words of the runbook', async (t) => {
  const { code, out } = await run('plan', 'runbook-100', '--within', '3m');
  t.is(code, 0);
  t.regex(out, /✓ prepare; activate; taint; remove not before/);
  t.regex(out, /at most 60 s, as shipped/);
});

test('where no plan exists the reasons are told, and what would help', async (t) => {
  const { code, out } = await run('plan', 'can-i-remove', '--within', '3m', '--kms-rate', '1000');
  t.is(code, 1);
  t.regex(out, /✗ There is no such plan/);
  t.regex(out, /the limit is 1000/);
  t.regex(out, /--may-wait/);
});

test('where agents hold so many that their rate is too low, a plan raises the rate', async (t) => {
  const many = ['--set', 'agents.count=10', '--set', 'agents.svids=1000', '--set', 'svids.x509TTL=24h'];
  const { code, out } = await run('plan', 'runbook-100', '--within', '40s', ...many);
  t.is(code, 0, out);
  t.regex(out, /renewals of one agent +(40|60) per second\n/);
  t.regex(out, /the search on all 10 agents/);
});

test('a plan counts with the failures of its scenario, and says on how many agents it was searched and confirmed', async (t) => {
  const small = ['--set', 'agents.count=5200', '--set', 'agents.svids=1', '--set', 'keyManager.quota=none'];
  const cut = 'failures=[{ what: zone cut off, at: 10s, for: 3m, zone: 2 }]';
  const without = await run('plan', 'bad-day', '--within', '2m', ...small, '--set', 'failures=[]');
  t.is(without.code, 0, without.out);
  t.regex(without.out, /a sample of 5,000 of 5,200 agents.*\n?.*those of the whole fleet, simulated once/);
  const failing = await run('plan', 'bad-day', '--within', '2m', ...small, '--set', cut);
  t.is(failing.code, 1);
  t.regex(failing.out, /all are renewed after 2\d\d s/);
});

test('the capacity can be taken from a results file of the benchmark, and the report says so', async (t) => {
  const { out, files } = await run('simulate', 'runbook-100', '--capacity-from', 'results.json', '--html', 'page.html');
  t.regex(
    out,
    /one replica issues 7,377 SVIDs per second \(one core, messages of 5: row B3 of results\.json, a date\)/,
  );
  t.regex(files.get('page.html') ?? '', /row B3 of results\.json/);
  const plan = await run('plan', 'runbook-100', '--within', '3m', '--capacity-from', 'results.json');
  t.regex(plan.out, /One replica issues 7,377 SVIDs per second/);
  const none = await run('simulate', 'runbook-100', '--capacity-from', 'runbook-100');
  t.is(none.code, 1);
  t.regex(none.err, /a results file of npm run bench \(JSON\) is expected/);
});

test('with time between activate and taint the same goal is reached', async (t) => {
  const args = ['--within', '3m', '--kms-rate', '300', '--set', 'agents.count=5000', '--set', 'svids.x509TTL=1h'];
  t.is((await run('plan', 'can-i-remove', ...args)).code, 1);
  const { code, out } = await run('plan', 'can-i-remove', ...args, '--may-wait', '40m');
  t.is(code, 0, out);
  t.regex(out, /✓ prepare; activate; wait \d+m0s while ordinary renewals move/);
});

test('what real agents or one machine cannot follow is refused with path, unit and range, before anything runs', async (t) => {
  const { code, err } = await run('live', 'bad-day', '--set', 'agents.count=3000', '--set', 'agents.tooOld=5%');
  t.is(code, 1);
  t.regex(err, /\/agents\/count: a whole number from 1 to 2000 is expected of a live run/);
  t.regex(err, /\/agents\/tooOld: 0% /);
  t.regex(err, /\/agents\/start: together or cold /);
  t.regex(err, /\/servers\/replicas: 1 /);
});

test('a live run leaves other machines alone unless it is told otherwise', async (t) => {
  const { code, err } = await run('live', 'live-small', '--server', 'identity.example.org:8443');
  t.is(code, 1);
  t.regex(err, /--server: identity\.example\.org is not this machine.*--allow-remote/);
  t.regex(err, /--cluster-id: is needed with --server/);
  t.regex(err, /--admin-socket: is needed/);
});

for (const [flag, value] of [
  ['--processes', '9'],
  ['--full-agents', '21'],
  ['--workloads', '0'],
  ['--seed', '1,x'],
  ['--capacity', '0'],
]) {
  test(`a wrong value of a flag of live is refused with its range: ${flag ?? ''} ${value ?? ''}`, async (t) => {
    const { code, err } = await run('live', 'live-small', flag ?? '', value ?? '');
    t.is(code, 2);
    t.regex(err, /a whole number from \d+/);
  });
}
