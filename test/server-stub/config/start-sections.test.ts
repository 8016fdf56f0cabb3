import test from 'ava';
import { sectionTypes } from '../../../server-stub/src/config/managed-section-types.js';
import { readStartSections } from '../../../server-stub/src/config/start-sections.js';
import { parseServerConfig } from '../../../server-stub/src/config/server-config.js';
import type { InvalidConfigError } from '../../../src/runtime/problems.js';

const keyManager = {
  schema: { type: 'object', properties: { extensions: { type: 'object' } }, additionalProperties: false },
  problems: (_: unknown, at: string) => [{ path: `${at}/extensions/x`, reason: 'wrong' }],
};
const types = sectionTypes(() => []);
const base = 'trustDomainDeployment: { trustDomainName: example.org }\n';

test('sections of the configuration file are read as sections', (t) => {
  const { managedConfig } = parseServerConfig(
    `${base}managedConfig:\n  - { section: KeyManager, schema: v1, spec: {} }\n`,
  );
  const sections = readStartSections(managedConfig, 'tdd-1', types);
  t.deepEqual(sections.get('KeyManager'), { section: 'KeyManager', schema: 'v1', spec: {} });
  t.deepEqual(parseServerConfig(base).managedConfig, []);
});

test('everything that is wrong with them is told at once, with its place in the file', (t) => {
  const given = [
    { section: 'KeyManager', schema: 'v2', spec: { other: 1 } },
    { section: 'WorkloadAttestation', schema: 'v1' },
    { section: 'KeyManager', schema: 'v1', spec: { extensions: {} } },
    'text',
  ];
  const refusing = sectionTypes(() => [], { keyManager });
  const error = t.throws<InvalidConfigError>(() => readStartSections(given, 'tdd-1', refusing), {
    code: 'INVALID_CONFIG',
  });
  t.deepEqual(
    error.problems.map(({ path }) => path),
    [
      '/managedConfig/0/schema',
      '/managedConfig/0/spec/other',
      '/managedConfig/0/spec/extensions/x',
      '/managedConfig/1/section',
      '/managedConfig/2/spec/extensions/x',
      '/managedConfig/2/section',
      '/managedConfig/3',
    ],
  );
});

test('something else than a list is refused', (t) => {
  t.throws(() => parseServerConfig(`${base}managedConfig: { section: KeyManager }\n`), {
    message: /\/managedConfig: a list/,
  });
});
