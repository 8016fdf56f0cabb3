import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseYaml } from '../../../src/runtime/yaml-document.js';
import { projectRoot } from '../../architecture/source-tree.js';
import { blocksOf, pageText } from '../../docs/operations-pages.js';
import { run } from '../../scenario/start-dev.js';
import { demand } from '../custody/lab-deployment.js';
import type { Cleanup } from '../custody/lab.js';
import { freePort } from '../part-process.js';
import { Shell, substituted } from './page-run.js';

const READY = 'Serving metrics and health';

/** Does what the page of running a server and its agents says; answers what a workload then gets. */
export async function runRunningPage(cleanup: Cleanup): Promise<string> {
  const directory = await cleanup.folder();
  const [agents, serverPages, agentPages] = [await freePort(), await freePort(), await freePort()];
  for (const folder of ['server-stub', 'src']) await symlink(join(projectRoot, folder), join(directory, folder));
  const standsFor: Record<string, string> = {
    'spirl.example.org': 'localhost',
    '0.0.0.0': '127.0.0.1',
    '8443': String(agents),
    '9090': String(serverPages),
    '9091': String(agentPages),
    '/etc/spirl': directory,
    '/run/spirl-server/admin.sock': join(directory, 'admin.sock'),
    '/run/spirl/sockets/agent.sock': join(directory, 'agent.sock'),
    '/var/lib/spirl-server': join(directory, 'server'),
    '/var/lib/spirl-agent': join(directory, 'agent'),
  };
  const shell = await Shell.open(directory, { SPIRL_SERVER: join(directory, 'admin.sock') });
  for (const { language, text, line } of blocksOf(pageText('running.md'))) {
    if (language === 'yaml') {
      parseYaml(text, 'running.md');
      const [, name = ''] = /^# (\S+\.yaml)$/m.exec(text) ?? [];
      await writeFile(join(directory, name), substituted(text, standsFor));
    } else if (/ run --config /.test(text)) await startProgram(text, directory, cleanup);
    else {
      const { code, stdout, stderr } = await shell.run(substituted(text, standsFor));
      demand(code === 0, `running.md, line ${line}: ${stdout}${stderr}`);
      Object.assign(standsFor, idsIn(stdout));
      // The page says: give each node this file.
      await run('cp', [join(directory, 'server/bootstrap.pem'), join(directory, 'bootstrap.pem')]);
    }
  }
  const env = { SPIFFE_ENDPOINT_SOCKET: `unix://${directory}/agent.sock` };
  for (let waited = 0; ; waited += 500) {
    const { code, stdout, stderr } = await run(process.execPath, ['src/bin/spirldbg.mjs', 'svid-x509'], env);
    if (code === 0) return stdout;
    demand(waited < 20_000, stderr);
    await delay(500);
  }
}

function idsIn(output: string): Readonly<Record<string, string>> {
  const [, cluster] = /\b(c-[a-z0-9]+)/.exec(output) ?? [];
  const [, version] = /\b(cv-[a-z0-9]+)/.exec(output) ?? [];
  return { ...(cluster !== undefined && { 'c-…': cluster }), ...(version !== undefined && { 'cv-…': version }) };
}

/** A program that stays; resolves when it says that it is ready. */
async function startProgram(command: string, cwd: string, cleanup: Cleanup): Promise<void> {
  const child = spawn('bash', ['-c', `exec ${command}`], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (printed += text.toString()));
  const ended = once(child, 'close');
  cleanup.later(async () => {
    if (child.exitCode === null) child.kill('SIGKILL');
    await ended;
  });
  for (let waited = 0; !printed.includes(READY); waited += 100) {
    demand(child.exitCode === null && waited < 30_000, `${command}: ${printed}`);
    await delay(100);
  }
}
