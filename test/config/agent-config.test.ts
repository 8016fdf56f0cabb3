import test from 'ava';
import { parseAgentConfig } from '../../src/config/agent-config.js';
import { InvalidConfigError } from '../../src/runtime/problems.js';

const minimal = `
agent:
  endpoint: { endpoint: "spirl.example.org:8443" }
  auth:
    clusterId: c-abc
    clusterVersionId: cv-def
    keyFile: /etc/spirl/cluster.key
    bootstrapFile: /etc/spirl/bootstrap.pem
`;

function problemsOf(t: { throws: (fn: () => unknown) => unknown }, text: string, overrides = {}) {
  const error = t.throws(() => parseAgentConfig(text, overrides));
  if (!(error instanceof InvalidConfigError)) throw error;
  return error.problems.map(({ path, reason }) => `${path}: ${reason}`);
}

test('what is required is enough; every default is in the result, which is frozen throughout', (t) => {
  const config = parseAgentConfig(minimal);
  t.deepEqual(config.agent.endpoint, { endpoint: { host: 'spirl.example.org', port: 8443 }, serverName: undefined });
  t.is(config.agent.socketPath, '/run/spirl/sockets/agent.sock');
  t.is(config.agent.svid.keySource, 'server');
  t.is(config.agent.svid.cacheSize, 1000);
  t.is(config.agent.attestation.timeout, 5000);
  t.deepEqual(config.lab, { taintDelayMax: 60_000, renewalsPerSecond: 20 });
  t.deepEqual(config.metricsAPI, { host: '127.0.0.1', port: 9091 });
  t.deepEqual(config.log, { format: 'json', level: 'info' });
  t.true(
    Object.isFrozen(config) && Object.isFrozen(config.agent.svid) && Object.isFrozen(config.agent.endpoint.endpoint),
  );
});

test('an empty file names everything that is required, with its JSON pointer', (t) => {
  t.deepEqual(
    problemsOf(t, '').map((problem) => problem.split(':')[0]),
    [
      '/agent/endpoint/endpoint',
      '/agent/auth/clusterId',
      '/agent/auth/clusterVersionId',
      '/agent/auth/keyFile',
      '/agent/auth/bootstrapFile',
    ],
  );
});

test('the command line wins over the file', (t) => {
  const config = parseAgentConfig(minimal, {
    'agent.socketPath': '/tmp/a.sock',
    'metricsAPI.port': '0',
    'agent.svid.sharing': undefined,
    'log.level': 'debug',
  });
  t.is(config.agent.socketPath, '/tmp/a.sock');
  t.is(config.metricsAPI.port, 0);
  t.is(config.agent.svid.sharing, 'identity');
  t.is(config.log.level, 'debug');
});

test('an empty string or null means unset', (t) => {
  const config = parseAgentConfig(`${minimal}  socketPath: ""\n  stateDir: null\nlog:\nlab: { taintDelayMax: "" }\n`);
  t.is(config.agent.socketPath, '/run/spirl/sockets/agent.sock');
  t.is(config.agent.stateDir, '/var/lib/spirl-agent');
  t.is(config.lab.taintDelayMax, 60_000);
});

const wrong: readonly { name: string; lines: string; told: RegExp }[] = [
  {
    name: 'an unknown setting',
    lines: '  socket: /x',
    told: /^\/agent\/socket: unknown setting; known here: endpoint,/,
  },
  { name: 'an unknown group', lines: 'agents: {}', told: /^\/agents: unknown setting/ },
  { name: 'a key with a slash', lines: '  a/b~c: 1', told: /^\/agent\/a~1b~0c: unknown/ },
  { name: 'a number for a path', lines: '  stateDir: 7', told: /^\/agent\/stateDir: a text of one line/ },
  { name: 'a newline in a path', lines: '  stateDir: "a\\nb"', told: /^\/agent\/stateDir: / },
  { name: 'a socket path that is too long', lines: `  socketPath: /${'x'.repeat(107)}`, told: /at most 107 bytes/ },
  { name: 'a list for a group', lines: 'log: [json]', told: /^\/log: a group of settings/ },
  {
    name: 'a choice that does not exist',
    lines: '  svid: { keySource: hsm }',
    told: /one of server, agent is expected/,
  },
  { name: 'a port out of range', lines: 'metricsAPI: { port: 70000 }', told: /whole number from 0 to 65535/ },
  { name: 'a fraction', lines: '  svid: { cacheSize: 1.5 }', told: /\/agent\/svid\/cacheSize: a whole number/ },
  { name: 'a cache of nothing', lines: '  svid: { cacheSize: 0 }', told: /from 1 to 100000/ },
  { name: 'a duration without unit', lines: 'lab: { taintDelayMax: 5 }', told: /a duration from 0s to 1m0s/ },
  { name: 'a taint delay that is longer', lines: 'lab: { taintDelayMax: 61s }', told: /a duration from 0s to 1m0s/ },
  { name: 'yes for a flag', lines: 'telemetry: { enabled: yes }', told: /true or false is expected/ },
  { name: 'a cluster named', lines: '', told: /Naming the cluster instead of its id is not available in this version/ },
];
for (const { name, lines, told } of wrong) {
  test(`${name} is refused`, (t) => {
    const overrides = name === 'a cluster named' ? { 'agent.auth.clusterName': 'edge' } : {};
    const problems = problemsOf(t, `${minimal}${lines}\n`, overrides);
    t.is(problems.length, 1);
    t.regex(problems[0] ?? '', told);
  });
}

const addresses: readonly { text: string; want: { host: string; port: number } | undefined }[] = [
  { text: 'a.example:1', want: { host: 'a.example', port: 1 } },
  { text: 'a.example', want: { host: 'a.example', port: 443 } },
  { text: '[::1]:8443', want: { host: '::1', port: 8443 } },
  { text: '127.0.0.1:8443', want: { host: '127.0.0.1', port: 8443 } },
  { text: '::1:8443', want: undefined },
  { text: 'https://a.example', want: undefined },
  { text: 'a.example:0', want: undefined },
  { text: 'a.example:70000', want: undefined },
  { text: 'a b:1', want: undefined },
];
for (const { text, want } of addresses) {
  test(`endpoint ${text} is ${want === undefined ? 'refused' : `${want.host} port ${want.port}`}`, (t) => {
    const overrides = { 'agent.endpoint.endpoint': text };
    if (want !== undefined) t.deepEqual(parseAgentConfig(minimal, overrides).agent.endpoint.endpoint, want);
    else t.regex(problemsOf(t, minimal, overrides).join(), /^\/agent\/endpoint\/endpoint: host:port/);
  });
}
