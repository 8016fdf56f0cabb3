import { join } from 'node:path';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';
import { aborted, runTasks } from 'spirl-agent/runtime/task-group.js';
import { UnixListener } from 'spirl-agent/runtime/unix-listener.js';
import type { Terminal } from '../terminal.js';
import { ownSvid, serverAnswers } from './dev-checks.js';
import { ensureCluster } from './dev-cluster.js';
import { agentConfig, serverConfig, type DevPorts } from './dev-config.js';
import {
  devFiles,
  openDirectory,
  readState,
  writePrivate,
  writeState,
  type DevFiles,
  type DevState,
} from './dev-files.js';
import type { DevOptions } from './dev-options.js';
import { choosePorts } from './dev-ports.js';
import { DevProgram } from './dev-program.js';
import { readyLine, readyText } from './dev-report.js';

interface Stage {
  readonly options: DevOptions;
  readonly terminal: Terminal;
  readonly output: 'text' | 'json';
  readonly files: DevFiles;
  readonly ports: DevPorts;
  readonly state: DevState;
  readonly server: DevProgram;
  readonly agent: DevProgram;
}

/** One server and one agent as separate programs, until `terminal.signal` aborts. Throws when they cannot be brought up. */
export async function runDev(options: DevOptions, output: 'text' | 'json', terminal: Terminal): Promise<void> {
  const files = devFiles(options.dir);
  await openDirectory(options.dir);
  const lock = await takeDirectory(files);
  try {
    const state = await readState(options);
    const ports = await choosePorts(options);
    await writeState(options.dir, state);
    await writePrivate(files.serverConfig, serverConfig(files, state, ports, options));
    const server = program(
      terminal,
      'spirl-server',
      'server-stub/bin/spirl-server.mjs',
      files.serverConfig,
      files.serverLog,
    );
    const agent = program(terminal, 'spirl-agent', 'src/bin/spirl-agent.mjs', files.agentConfig, files.agentLog);
    const stage: Stage = { options, terminal, output, files, ports, state, server, agent };
    await runTasks([(signal) => server.run(signal), (signal) => bringUp(stage, signal)], terminal.signal);
  } finally {
    await lock.close();
  }
}

/** A socket that only a living process answers on, so nothing is left behind by one that was killed. */
async function takeDirectory(files: DevFiles): Promise<UnixListener> {
  const lock = new UnixListener({
    path: files.lockSocket,
    mode: 0o600,
    directoryMode: 0o755,
    onConnection: (socket) => socket.destroy(),
  });
  try {
    await lock.listen();
    return lock;
  } catch (error) {
    if (!hasCode(error, 'INVALID_CONFIG') || !error.message.includes('another living process')) throw error;
    throw new SpirlError(
      'ALREADY_EXISTS',
      `a trust domain is already running in ${files.dir}: stop it, or give another --dir`,
    );
  }
}

function program(terminal: Terminal, name: string, launcher: string, config: string, log: string): DevProgram {
  return new DevProgram({
    name,
    node: terminal.node,
    args: [join(terminal.packageRoot, launcher), 'run', '--config', config],
    env: terminal.env,
    log,
    clock: terminal.clock,
    onRestart: (text) => terminal.err(`${text}; its log: ${log}\n`),
  });
}

async function bringUp(stage: Stage, signal: AbortSignal): Promise<void> {
  const { files, ports, options, terminal, agent } = stage;
  const { client, info } = await serverAnswers(files.adminSocket, terminal.clock, signal);
  let state: Required<DevState>;
  try {
    state = await ensureCluster(client, files, stage.state);
  } finally {
    client.close();
  }
  await writePrivate(files.agentConfig, agentConfig(files, state, ports, options));
  const deploymentId = info.signingAuthorityStatuses[0]?.trustDomainDeploymentId ?? '';
  await runTasks([(s) => agent.run(s), (s) => announce(stage, { ...state, deploymentId }, s)], signal);
}

async function announce(
  { files, ports, terminal, output, server, agent }: Stage,
  ids: Required<DevState> & { readonly deploymentId: string },
  signal: AbortSignal,
): Promise<void> {
  const svid = await ownSvid(files.agentSocket, terminal.clock, signal);
  server.settled = true;
  agent.settled = true;
  const report = {
    ...ids,
    workloadSocket: files.agentSocket,
    adminSocket: files.adminSocket,
    bundlePath: files.bundle,
    agentMetrics: `http://127.0.0.1:${ports.agentMetrics}/metrics`,
    serverMetrics: `http://127.0.0.1:${ports.serverMetrics}/metrics`,
    agentPid: agent.pid,
    serverPid: server.pid,
  };
  terminal.out(output === 'json' ? readyLine(report) : readyText(report, svid, terminal.packageRoot));
  await aborted(signal);
}
