import test from 'ava';
import { chooseServer, type ServerAddress } from '../../../server-stub/cli/server-address.js';
import { UsageError } from '../../../server-stub/cli/failure.js';

type From = Parameters<typeof chooseServer>[0];
const none: From = { flag: undefined, variable: undefined, context: undefined, packageRoot: '/clone' };

const chosen: { name: string; from: Partial<From>; path: string; source: ServerAddress['source'] }[] = [
  { name: 'nothing said', from: {}, path: '/clone/.spirl/admin.sock', source: 'default' },
  { name: 'a context', from: { context: 'unix:///c.sock' }, path: '/c.sock', source: 'context' },
  {
    name: 'the variable before the context',
    from: { variable: '/v.sock', context: '/c.sock' },
    path: '/v.sock',
    source: 'SPIRL_SERVER',
  },
  {
    name: 'the flag before all',
    from: { flag: 'unix:/f.sock', variable: '/v.sock', context: '/c.sock' },
    path: '/f.sock',
    source: '--server',
  },
  {
    name: 'an empty text is unset',
    from: { flag: '', variable: '' },
    path: '/clone/.spirl/admin.sock',
    source: 'default',
  },
];
for (const { name, from, path, source } of chosen) {
  test(`the server: ${name}`, (t) => t.deepEqual(chooseServer({ ...none, ...from }), { path, source }));
}

for (const flag of ['https://example.org', 'tcp://127.0.0.1:1', 'unix://', `/${'x'.repeat(107)}`]) {
  test(`refused: ${flag.slice(0, 40)}`, (t) => {
    t.throws(() => chooseServer({ ...none, flag }), { instanceOf: UsageError, message: /^--server: / });
  });
}
