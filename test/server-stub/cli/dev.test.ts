import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { agentConfig, serverConfig } from '../../../server-stub/cli/dev/dev-config.js';
import { devFiles, openDirectory, readState, writeState } from '../../../server-stub/cli/dev/dev-files.js';
import type { DevOptions } from '../../../server-stub/cli/dev/dev-options.js';
import { choosePorts } from '../../../server-stub/cli/dev/dev-ports.js';
import { DevProgram } from '../../../server-stub/cli/dev/dev-program.js';
import { readyLine, readyText } from '../../../server-stub/cli/dev/dev-report.js';
import { parseServerConfig } from '../../../server-stub/src/config/server-config.js';
import { parseAgentConfig } from '../../../src/config/agent-config.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { aborted } from '../../../src/runtime/task-group.js';
import { UnixListener } from '../../../src/runtime/unix-listener.js';
import { runCli } from './admin-server.js';

const options = (dir: string, more: Partial<DevOptions> = {}): DevOptions => ({
  ...{ dir, trustDomain: undefined, deployment: undefined, labTaintDelayMax: undefined, labTtl: false },
  ...{ agentMetricsPort: 0, serverMetricsPort: 0, serverPort: 0 },
  ...more,
});

let dir: string;
test.beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dev-'));
});
test.afterEach.always(() => rm(dir, { recursive: true, force: true }));

const refused: { args: string[]; code: number; err: RegExp }[] = [
  {
    args: ['--dir', `/tmp/${'x'.repeat(100)}`],
    code: 2,
    err: /at most 96 are possible \(a socket's path has at most 107\)/,
  },
  { args: ['--trust-domain', 'Example'], code: 2, err: /--trust-domain: not a trust domain name: "Example"/ },
  { args: ['--deployment', 'a b'], code: 2, err: /--deployment: a name/ },
  { args: ['--server-port', '70000'], code: 2, err: /--server-port: a port from 0 to 65535/ },
  { args: ['--lab-taint-delay-max', '2h'], code: 2, err: /--lab-taint-delay-max: a duration from 0s to 60s/ },
  { args: ['--dir', '/proc/x'], code: 1, err: /state directory \/proc\/x cannot be used: ENOENT/ },
  { args: ['--dir', '/dev/null/x'], code: 1, err: /state directory \/dev\/null\/x cannot be used: ENOTDIR/ },
];
for (const { args, code, err } of refused) {
  test.serial(`dev refuses ${args[0] ?? ''} ${(args[1] ?? '').slice(0, 20)}`, async (t) => {
    const result = await runCli(['dev', ...args]);
    t.deepEqual([result.code, result.out], [code, '']);
    t.regex(result.err, err);
  });
}

test.serial('dev refuses a directory in which another one runs', async (t) => {
  const other = new UnixListener({
    ...{ path: devFiles(dir).lockSocket, mode: 0o600, directoryMode: 0o755 },
    onConnection: (socket) => socket.destroy(),
  });
  await other.listen();
  t.deepEqual(await runCli(['dev', '--dir', dir]), {
    code: 1,
    out: '',
    err: `Error: a trust domain is already running in ${dir}: stop it, or give another --dir\n`,
  });
  await other.close();
});

test.serial('others can enter the directory; what is private in it stays so', async (t) => {
  await chmod(dir, 0o700);
  await openDirectory(dir);
  t.is((await stat(dir)).mode & 0o777, 0o711);
  await writeState(dir, { trustDomain: 'example.org', deployment: 'default' });
  t.is((await stat(join(dir, 'dev.json'))).mode & 0o777, 0o600);
});

test.serial('a second start resumes; another trust domain in the same directory is refused', async (t) => {
  t.deepEqual(await readState(options(dir)), { trustDomain: 'example.org', deployment: 'default' });
  const state = { trustDomain: 'td.test', deployment: 'eu', clusterId: 'c-1', clusterVersionId: 'cv-1' };
  await writeState(dir, state);
  t.deepEqual(await readState(options(dir)), state);
  t.deepEqual(await readState(options(dir, { trustDomain: 'td.test' })), state);
  await t.throwsAsync(readState(options(dir, { trustDomain: 'other.test' })), {
    message: /^--trust-domain other\.test: .* holds td\.test/,
  });
  await writeFile(join(dir, 'dev.json'), '{"format":');
  await t.throwsAsync(readState(options(dir)), { message: /dev\.json is no state of this version/ });
});

test.serial('both programs take the configuration that is written for them', (t) => {
  const files = devFiles('/tmp/a "strange" place: # here');
  const state = { trustDomain: 'example.org', deployment: 'default', clusterId: 'c-1', clusterVersionId: 'cv-1' };
  const ports = { server: 1, serverMetrics: 2, agentMetrics: 3 };
  const chosen = options(files.dir, { labTtl: true, labTaintDelayMax: '2s' });
  const server = parseServerConfig(serverConfig(files, state, ports, chosen));
  t.is(server.adminSocket, files.adminSocket);
  t.is(server.agentEndpoint.port, 1);
  t.true(server.labTtl);
  const { agent, metricsAPI, lab } = parseAgentConfig(agentConfig(files, state, ports, chosen));
  t.is(agent.socketPath, files.agentSocket);
  t.deepEqual(agent.endpoint.endpoint, { host: '127.0.0.1', port: 1 });
  t.is(metricsAPI.port, 3);
  t.is(lab.taintDelayMax, 2_000);
});

test.serial('ports: free ones, all different; one in use is refused with its flag', async (t) => {
  const { server, serverMetrics, agentMetrics } = await choosePorts(options(dir));
  t.is(new Set([server, serverMetrics, agentMetrics]).size, 3);
  const busy = createServer();
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
  const { port } = busy.address() as AddressInfo;
  await t.throwsAsync(choosePorts(options(dir, { agentMetricsPort: port })), {
    message: `--agent-metrics-port: port ${port} is in use`,
  });
  busy.close();
});

function program(script: string, onRestart: (text: string) => void = () => {}): DevProgram {
  const log = join(dir, 'p.log');
  const args = ['-e', script];
  return new DevProgram({ name: 'p', node: process.execPath, args, env: {}, log, clock: systemClock, onRestart });
}

test.serial('a program that ends while it is brought up is a failure with the end of its log', async (t) => {
  const failing = program('console.error("Error: no such thing"); process.exit(3)');
  await t.throwsAsync(failing.run(new AbortController().signal), {
    message: 'p ended (exit code 3):\nError: no such thing',
  });
  t.is((await stat(join(dir, 'p.log'))).mode & 0o777, 0o600);
});

test.serial('a program that dies afterwards is started again, and stops when all stops', async (t) => {
  const stop = new AbortController();
  const restarts: string[] = [];
  const first = new AbortController();
  const dying = program('console.log("up"); setInterval(() => {}, 1000)', (text) => {
    restarts.push(text);
    first.abort();
  });
  const running = dying.run(stop.signal);
  dying.settled = true;
  while (dying.pid === 0) await systemClock.sleep(5, stop.signal);
  const pid = dying.pid;
  process.kill(pid, 'SIGKILL');
  await aborted(first.signal);
  while (dying.pid === pid) await systemClock.sleep(5, stop.signal);
  stop.abort();
  await running;
  t.deepEqual(restarts, ['p ended (SIGKILL), starting it again']);
  t.throws(() => process.kill(dying.pid, 0), { code: 'ESRCH' });
});

const report = {
  ...{ trustDomain: 'example.org', deployment: 'default', deploymentId: 'tdd-1', clusterId: 'c-1' },
  ...{ workloadSocket: '/d i/agent.sock', adminSocket: '/d i/admin.sock', bundlePath: '/d i/bundle.pem' },
  ...{ agentMetrics: 'http://127.0.0.1:3/metrics', serverMetrics: 'http://127.0.0.1:2/metrics' },
  ...{ agentPid: 11, serverPid: 12 },
};

test.serial('the ready line is one line with the keys that scripts read', (t) => {
  const line = readyLine({ ...report, more: 'than that' } as typeof report);
  t.is(line.indexOf('\n'), line.length - 1);
  t.deepEqual(JSON.parse(line), { ready: true, ...report });
});

test.serial('people see the SVID and four commands that can be pasted', (t) => {
  const svid = { spiffeId: 'spiffe://example.org/dev/root', serial: '0a', expiresAt: 0, keysetId: 'ks_1' };
  const text = readyText(report, svid, '/clone');
  t.is(text.match(/^ {2}(SPIFFE_ENDPOINT_SOCKET=\S+ )?node \/clone\//gm)?.length, 4);
  t.regex(text, /SPIFFE_ENDPOINT_SOCKET=unix:\/\/\/d%20i\/agent\.sock node/);
  t.regex(text, /--server '\/d i\/admin\.sock' trust-domain deployment keyset list/);
});
