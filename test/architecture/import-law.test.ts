import test from 'ava';
import { cyclesOf } from './cycles.js';
import { whyForbidden, whyPackageForbidden } from './import-law.js';
import { readSources } from './source-tree.js';

const sources = readSources('src', 'server-stub/src', 'server-stub/cli', 'bench');

const allowed = [
  ['src/svid/x509-svids.ts', 'src/domain/svid.ts'],
  ['src/svid/x509-svids.ts', 'src/svid/renewal-schedule.ts'],
  ['src/domain/spiffe-id.ts', 'src/runtime/errors.ts'],
  ['src/agent.ts', 'src/svid/x509-svids.ts'],
  ['server-stub/src/domain/keyset.ts', 'src/domain/keyset-state.ts'],
  ['server-stub/src/keyset/keyset-service.ts', 'server-stub/src/domain/keyset.ts'],
  ['server-stub/src/issuance/issue-x509-svid.ts', 'server-stub/src/signer/x509-signer.ts'],
  ['bench/run.ts', 'server-stub/src/signer/x509-signer.ts'],
] as const;
for (const [from, to] of allowed) {
  test(`the law lets ${from} import ${to}`, (t) => t.is(whyForbidden(from, to), undefined));
}

const forbidden = [
  ['src/svid/x509-svids.ts', 'src/identity/redact.ts'],
  ['src/runtime/clock.ts', 'src/domain/svid.ts'],
  ['src/domain/svid.ts', 'src/runtime/clock.ts'],
  ['src/issuer-client/session.ts', 'server-stub/src/domain/keyset.ts'],
  ['server-stub/src/keyset/keyset-service.ts', 'server-stub/src/signer/x509-signer.ts'],
  ['server-stub/src/api/agent-session.ts', 'src/issuer-client/session.ts'],
  ['src/svid/x509-svids.ts', 'src/agent.ts'],
  ['src/agent.ts', 'test/fakes/fake-clock.ts'],
] as const;
for (const [from, to] of forbidden) {
  test(`the law forbids ${from} to import ${to}`, (t) => t.truthy(whyForbidden(from, to)));
}

test('every import keeps the import law', (t) => {
  const broken = sources.flatMap((file) =>
    file.imports.flatMap(({ target, specifier }) => {
      const reason = target === undefined ? whyPackageForbidden(file.path, specifier) : whyForbidden(file.path, target);
      return reason === undefined ? [] : [`${file.path} -> ${target ?? specifier}: ${reason}`];
    }),
  );
  t.deepEqual(broken, []);
});

test('a cycle is found, however long', (t) => {
  const graph = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', ['a']],
    ['d', []],
    ['e', ['e']],
  ]);
  t.deepEqual(
    cyclesOf(graph).map((group) => group.sort()),
    [['a', 'b', 'c'], ['e']],
  );
});

test('no import cycles', (t) => {
  const graph = new Map(
    sources.map((file) => [file.path, file.imports.flatMap(({ target }) => (target === undefined ? [] : [target]))]),
  );
  t.deepEqual(cyclesOf(graph), []);
});
