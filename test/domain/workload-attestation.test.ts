import test from 'ava';
import { readWorkloadAttestation } from '../../src/domain/workload-attestation.js';

const cases: readonly { name: string; spec: unknown; problems: readonly string[] }[] = [
  { name: 'an absent section has nothing wrong', spec: undefined, problems: [] },
  { name: 'empty strings are unset', spec: { linux: { enabled: '' }, docker: '' }, problems: [] },
  { name: 'a later attestor that is off asks for nothing', spec: { kubernetes: { enabled: false } }, problems: [] },
  {
    name: 'a later attestor is refused by name',
    spec: { kubernetes: { enabled: true }, jwt: {} },
    problems: [
      '/kubernetes kubernetes attestation is not available in this version',
      '/jwt jwt attestation is not available in this version',
    ],
  },
  {
    name: 'unknown settings are told, at every level',
    spec: { 'a/b': 1, linux: { enable: true } },
    problems: [
      '/a~1b unknown setting; known here: linux, kubernetes, docker, systemd, jwt, extension',
      '/linux/enable unknown setting; known here: enabled, discoverWorkloadPath',
    ],
  },
  {
    name: 'what is no flag and no group is told',
    spec: { linux: { enabled: 'yes', discoverWorkloadPath: 1 } },
    problems: ['/linux/enabled true or false is expected', '/linux/discoverWorkloadPath true or false is expected'],
  },
  {
    name: 'a list for a group is told',
    spec: { linux: [] },
    problems: ['/linux a group of settings (key: value) is expected'],
  },
  { name: 'a text for a spec is told', spec: 'linux', problems: [' a group of settings (key: value) is expected'] },
];
for (const { name, spec, problems } of cases) {
  test(name, (t) => {
    const read = readWorkloadAttestation(spec);
    t.deepEqual(
      read.problems.map(({ path, reason }) => `${path} ${reason}`),
      problems,
    );
    t.deepEqual(read.spec, { linux: { enabled: true, discoverWorkloadPath: false } });
  });
}

test('what is set is read', (t) => {
  const { spec } = readWorkloadAttestation({ linux: { enabled: false, discoverWorkloadPath: true } });
  t.deepEqual(spec, { linux: { enabled: false, discoverWorkloadPath: true } });
});
