import test from 'ava';
import { COMMANDS, GROUPS } from '../../../server-stub/cli/command-tree.js';
import { runCli } from './admin-server.js';

const cases: { typed: string[]; want: string[] }[] = [
  { typed: ['trust-d'], want: ['trust-domain'] },
  { typed: ['trust-domain', ''], want: ['info', 'deployment', 'help'] },
  { typed: ['trust-domain', 'deployment', 'keyset', 't'], want: ['taint'] },
  { typed: ['config', 'set', ''], want: ['cluster', 'trust-domain-deployment'] },
  { typed: ['config', 'set', 'cluster', ''], want: [] },
  { typed: ['trust-bundle', 'get', '--format', ''], want: ['pem', 'spiffe', 'jwks'] },
  { typed: ['trust-bundle', 'get', '--cluster-id', ''], want: [] },
  { typed: ['-o', 'json', 'agent', 'e'], want: ['evict'] },
  { typed: ['cluster', 'list', '--ou'], want: ['--output'] },
];
for (const { typed, want } of cases) {
  test(`after "${typed.join(' ')}" come ${want.join(', ') || "the operator's own words"}`, async (t) => {
    const { code, out } = await runCli(['__complete', ...typed]);
    t.is(code, 0);
    t.deepEqual(out.split('\n').slice(0, -1), want);
  });
}

for (const shell of ['bash', 'zsh', 'fish']) {
  test(`there is a script for ${shell}`, async (t) => {
    const { code, out } = await runCli(['completion', shell]);
    t.is(code, 0);
    t.regex(out, /__complete/);
  });
}

test('every group of commands is described, and each command has its own words', (t) => {
  const words = COMMANDS.map((command) => command.words);
  t.is(new Set(words).size, words.length);
  const groups = words.flatMap((text) => text.split(' ').map((_, i, all) => all.slice(0, i).join(' '))).filter(Boolean);
  t.deepEqual(
    [...new Set(groups)].filter((group) => GROUPS[group] === undefined),
    [],
  );
});

test('version', async (t) => {
  t.like(await runCli(['version']), { code: 0, out: 'spirlctl 1.2.3\n' });
  t.like(await runCli(['--version']), { code: 0, out: '1.2.3\n' });
});
