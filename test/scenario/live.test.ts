import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { LiveRunReport } from '../../bench/cli/live-command.js';
import { TrustDomain } from '../../bench/rig/trust-domain.js';
import { projectRoot } from './start-dev.js';

// `spirl-perf live` with a small fleet: real agents, a real server. How well the simulation agrees is reported, not asserted: a busy machine
// may be the limit.

interface Run {
  readonly child: ChildProcess;
  readonly said: { out: string; err: string };
  readonly folder: string;
  /** Resolves with the exit code, when the program has ended by itself. */
  readonly ended: Promise<number | null>;
}

/** The program, with a folder of its own for temporary files. */
function live(...args: string[]): Run {
  const folder = mkdtempSync(join(tmpdir(), 'live-test-'));
  // Workloads of full agents are other users.
  chmodSync(folder, 0o711);
  const child = spawn(process.execPath, ['src/bin/spirl-perf.mjs', 'live', ...args], {
    cwd: projectRoot,
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, said, folder, ended };
}

/** Programs whose command line names the folder. */
function programsOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return command.includes(folder) ? [command] : [];
      } catch {
        return [];
      }
    });
}

test.serial(
  'twenty real agents go through a taint: all is renewed, nobody has a gap, and both curves are told',
  async (t) => {
    t.timeout(180_000);
    const page = join(tmpdir(), `live-test-${process.pid}.html`);
    const run = live('live-small', '--compare', '--full-agents', '1', '--workloads', '3', '-o', 'json', '--html', page);
    try {
      t.is(await run.ended, 0, run.said.err);
      const { result, comparison } = JSON.parse(run.said.out) as LiveRunReport;
      const { report, live: facts } = result;
      t.is(report.source, 'measured');
      t.true(report.finished);
      t.deepEqual(
        report.steps.map(({ step }) => step),
        ['prepare', 'activate', 'taint'],
      );
      t.like(report.wave, { svids: 400, remaining: 0 });
      t.deepEqual(report.gaps, []);
      t.is(facts.streamsEnded, 0);
      t.notRegex(run.said.err, /Warning/, 'something is left behind with each message');
      t.like(facts.fullAgents, { agents: 1, workloads: 3, onOld: 0, gaps: 0, streamsEnded: 0 });
      t.like(comparison, { agents: 20, svids: 400 });
      for (const { label, simulated, measured, error } of comparison?.figures ?? []) {
        t.log(`${label}: simulated ${String(simulated)}, measured ${String(measured)}, error ${String(error)}`);
      }
      t.true(comparison?.curves.every(({ simulated, measured }) => simulated.length === measured.length));
      const html = readFileSync(page, 'utf8');
      t.regex(html, /<path class="line first" d="M/);
      t.regex(html, /<path class="line wave" d="M/);
      t.deepEqual(readdirSync(run.folder), [], 'files of the run are left');
      t.deepEqual(programsOf(run.folder), [], 'programs of the run are left');
    } finally {
      rmSync(run.folder, { recursive: true, force: true });
      rmSync(page, { force: true });
    }
  },
);

test.serial('a server that is killed in mid-wave comes back, and the wave is finished without a gap', async (t) => {
  t.timeout(180_000);
  const killed = 'failures=[{what: replicas lost, at: 6s, for: 2s}]';
  const run = live('live-small', '--set', killed, '--capacity', '1000', '-o', 'json', '--seed', '2');
  try {
    t.is(await run.ended, 0, run.said.err);
    const { report } = (JSON.parse(run.said.out) as LiveRunReport).result;
    t.like(report.wave, { svids: 400, remaining: 0 });
    t.deepEqual(report.gaps, []);
    t.is(report.failures.length, 1);
  } finally {
    rmSync(run.folder, { recursive: true, force: true });
  }
});

test.serial('Ctrl-C ends a run with all its processes and files', async (t) => {
  t.timeout(120_000);
  const run = live('live-small', '--capacity', '1000');
  try {
    while (!run.said.err.includes('the scenario begins')) {
      if (run.child.exitCode !== null) t.fail(run.said.err);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    t.true(programsOf(run.folder).length > 0);
    run.child.kill('SIGINT');
    t.is(await run.ended, 1);
    t.regex(run.said.err, /stopped before the end/);
    t.deepEqual(readdirSync(run.folder), []);
    t.deepEqual(programsOf(run.folder), []);
  } finally {
    rmSync(run.folder, { recursive: true, force: true });
  }
});

test.serial('a server that runs already goes through the taint with the fleet, and is left running', async (t) => {
  t.timeout(120_000);
  const domain = await TrustDomain.start();
  const { address, clusterId, clusterVersionId, keyFile, bootstrapFile } = domain.agentAccess();
  const access = ['--server', address, '--cluster-id', clusterId, '--cluster-version-id', clusterVersionId];
  const files = ['--key-file', keyFile, '--bootstrap-file', bootstrapFile];
  const small = ['--set', 'agents.count=5', '--set', 'agents.taintDelay=1s', '--capacity', '1000', '-o', 'json'];
  const run = live('live-small', ...access, ...files, '--admin-socket', join(domain.dir, 'admin.sock'), ...small);
  try {
    t.is(await run.ended, 0, run.said.err);
    const { report } = (JSON.parse(run.said.out) as LiveRunReport).result;
    t.like(report.wave, { svids: 100, remaining: 0 });
    t.notThrows(() => domain.server.check());
  } finally {
    rmSync(run.folder, { recursive: true, force: true });
    await domain.stop();
  }
});
