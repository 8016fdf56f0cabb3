import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { peerCredentials } from '../../src/runtime/peer-credentials.js';
import { openPeerProcess, type OpenPeerProcess } from '../../src/workload-api/peer-process.js';
import { openDescriptors, until } from './stage.js';

interface Accepted {
  readonly socket: Socket;
  readonly child: ChildProcess;
}

/** Runs `script` in a process that gets the socket's path as `path`, and accepts its connection. */
async function accept(t: ExecutionContext, script: string): Promise<Accepted> {
  const directory = mkdtempSync(join(tmpdir(), 'pp-'));
  const path = join(directory, 's');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const child = spawn(process.execPath, ['-e', `const path = ${JSON.stringify(path)}; ${script}`], {
    stdio: 'inherit',
  });
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.on('error', () => {});
  t.teardown(() => {
    child.kill('SIGKILL');
    socket.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return { socket, child };
}

const proven = (socket: Socket): OpenPeerProcess => openPeerProcess(socket, peerCredentials(socket));

const CONNECT = `require('net').connect(path)`;

test.serial('the caller is who made the connection, and its files can be read', async (t) => {
  const { socket, child } = await accept(t, CONNECT);
  const before = openDescriptors();
  const peer = proven(socket);
  // Its directory and, on kernels that give one, its pidfd.
  t.true([before + 1, before + 2].includes(openDescriptors()));
  t.like(peer, { pid: child.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  const [, groups = ''] = /^Groups:[ \t]*(.*)$/m.exec(peer.readFile('status').toString()) ?? [];
  t.is(peer.groups.join(' '), groups.trim());
  t.regex(peer.readFile('status').toString(), new RegExp(`^Pid:\\s+${child.pid}$`, 'm'));
  t.is(peer.readLink('exe'), process.execPath);
  t.notThrows(() => peer.verify());
  t.throws(() => peer.readFile('no such file'), { code: 'ENOENT' });
  peer.release();
  peer.release();
  t.is(openDescriptors(), before);
  t.throws(() => peer.readFile('status'), { code: 'NOT_AUTHORIZED' });
  t.throws(() => peer.verify(), { code: 'NOT_AUTHORIZED' });
});

test.serial('once the caller has gone nothing is read any more, whoever holds the socket', async (t) => {
  // The connection is inherited by a grandchild, which keeps it open when the caller has exited.
  const keeper = `require('child_process').spawn('sleep', ['20'], { stdio: ['ignore', 'ignore', 'ignore', s], detached: true }).unref()`;
  const { socket, child } = await accept(
    t,
    `const s = require('net').connect(path, () => { ${keeper}; s.write('kept'); }); setTimeout(() => {}, 60_000);`,
  );
  const peer = proven(socket);
  t.teardown(() => peer.release());
  await once(socket, 'data');
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  t.throws(() => peer.verify(), { code: 'NOT_AUTHORIZED', message: 'caller has gone' });
  t.throws(() => peer.readFile('cgroup'), { code: 'NOT_AUTHORIZED' });
  t.throws(() => peer.readLink('exe'), { code: 'NOT_AUTHORIZED' });
  t.false(socket.destroyed);
});

test.serial('a caller that exited before it was looked at is refused, and no descriptor is left', async (t) => {
  const { socket, child } = await accept(t, `require('net').connect(path, () => process.kill(process.pid, 'SIGKILL'))`);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const before = openDescriptors();
  t.throws(() => proven(socket), { code: 'NOT_AUTHORIZED' });
  t.is(openDescriptors(), before);
});

test.serial('a zombie is gone, although its files can still be read', async (t) => {
  // The shell's child connects and dies; the shell, which does not wait for it, becomes `sleep`.
  const client = `require("net").connect(process.argv[1], () => setTimeout(() => {}, 60000))`;
  const { socket } = await accept(
    t,
    `const sh = require('child_process').spawn('sh', ['-c', '"$0" -e "$1" "$2" & exec sleep 20', process.execPath, '${client}', path]);
     process.on('exit', () => sh.kill('SIGKILL')); setTimeout(() => {}, 20000);`,
  );
  const peer = proven(socket);
  t.teardown(() => peer.release());
  process.kill(peer.pid, 'SIGKILL');
  await until(() => {
    try {
      peer.verify();
      return false;
    } catch {
      return true;
    }
  });
  t.throws(() => peer.verify(), { code: 'NOT_AUTHORIZED', message: 'caller has gone' });
  t.throws(() => peer.readFile('stat'), { code: 'NOT_AUTHORIZED' });
});

test.serial('a socket that is already closed proves nobody', async (t) => {
  const { socket } = await accept(t, CONNECT);
  socket.destroy();
  t.throws(() => proven(socket), { code: 'NOT_AUTHORIZED' });
});
