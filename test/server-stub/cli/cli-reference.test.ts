import test from 'ava';
import { cliReferencePage } from '../../../server-stub/cli/cli-reference.js';
import { COMMANDS } from '../../../server-stub/cli/command-tree.js';
import { commandTree } from '../../../server-stub/cli/spirlctl.js';
import { systemClock } from '../../../src/runtime/clock.js';

test('the reference has every command, its arguments and its options', (t) => {
  const page = cliReferencePage(
    commandTree({
      ...{
        clock: systemClock,
        env: {},
        signal: new AbortController().signal,
        packageRoot: '/',
        version: '1',
        node: '',
      },
      ...{ out: () => {}, err: () => {}, readInput: () => Promise.resolve('') },
    }),
    'A notice.',
  );
  for (const { words } of COMMANDS) t.true(page.includes(`\n## spirlctl ${words}`), words);
  t.true(page.includes('## spirlctl trust-domain deployment keyset taint <keyset-id>\n'));
  t.true(page.includes('| `--deployment-name <name>` | deployment of the trust domain (required) |'));
  t.true(
    page.includes(
      '| `--format <format>` | for programs: certificates, the SPIFFE bundle, or the JWT keys: pem, spiffe, jwks |',
    ),
  );
});
