import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { UnixListener } from '../../src/runtime/unix-listener.js';

function directory(t: ExecutionContext): string {
  const made = mkdtempSync(join(tmpdir(), 'ul-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function listener(t: ExecutionContext, path: string, mode = 0o600): { listener: UnixListener; sockets: Socket[] } {
  const sockets: Socket[] = [];
  const onConnection = (socket: Socket): void => void sockets.push(socket);
  const made = new UnixListener({ path, mode, directoryMode: 0o711, onConnection });
  t.teardown(async () => {
    await made.close();
    for (const socket of sockets) socket.destroy();
  });
  return { listener: made, sockets };
}

async function canConnect(path: string): Promise<boolean> {
  const socket = connect(path);
  const connected = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').catch(() => false),
  ]);
  socket.destroy();
  return connected === true;
}

for (const mode of [0o777, 0o600]) {
  test(`the socket has mode ${mode.toString(8)} and nothing else is left in its directory`, async (t) => {
    const path = join(directory(t), 'new', 'a.sock');
    const { listener: made, sockets } = listener(t, path, mode);
    await made.listen();
    t.is(lstatSync(path).mode & 0o777, mode);
    t.is(lstatSync(join(path, '..')).mode & 0o777, 0o711);
    t.deepEqual(readdirSync(join(path, '..')), ['a.sock']);
    // The name it was bound under: below its own directory, which may be the only one we can write to.
    t.true(readFileSync('/proc/net/unix', 'utf8').includes(` ${join(path, '..')}/.`));
    const client = connect(path);
    await once(client, 'connect');
    t.is(sockets.length, 1);
    client.destroy();
    await made.close();
    t.false(existsSync(path));
  });
}

test('the mode of a directory that is already there is left alone', async (t) => {
  const path = join(directory(t), 'there', 'a.sock');
  mkdirSync(join(path, '..'), { mode: 0o700 });
  await listener(t, path).listener.listen();
  t.is(lstatSync(join(path, '..')).mode & 0o777, 0o700);
});

test('a path of 107 bytes works, one of 108 is refused with the limit', async (t) => {
  const base = directory(t);
  for (const name of ['s', 'long-name.sock']) {
    const path = join(base, 'd'.repeat(107 - Buffer.byteLength(base) - name.length - 2), name);
    await listener(t, path).listener.listen();
    t.is(Buffer.byteLength(path), 107);
    t.true(await canConnect(path));
  }
  const error = await t.throwsAsync(listener(t, join(base, 'x'.repeat(107 - base.length))).listener.listen());
  t.like(error, { code: 'INVALID_CONFIG' });
  t.regex(error.message, /at most 107 bytes, this one has 108/);
});

for (const path of ['', '\0abstract', 'a\0b']) {
  test(`${JSON.stringify(path)} is no path`, async (t) => {
    await t.throwsAsync(listener(t, path).listener.listen(), { code: 'INVALID_CONFIG', message: /not a path/ });
  });
}

test('a socket whose process was killed is taken over', async (t) => {
  const path = join(directory(t), 'a.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.true(existsSync(path));
  const { listener: made } = listener(t, path);
  await made.listen();
  t.true(await canConnect(path));
});

test('a socket on which a living process answers is refused, and left alone', async (t) => {
  const path = join(directory(t), 'a.sock');
  await listener(t, path).listener.listen();
  const second = listener(t, path).listener;
  await t.throwsAsync(second.listen(), { code: 'INVALID_CONFIG', message: /another living process serves it/ });
  await second.close();
  t.true(await canConnect(path));
});

test('a file that is no socket is refused, and left alone', async (t) => {
  const path = join(directory(t), 'a.sock');
  writeFileSync(path, 'mine');
  await t.throwsAsync(listener(t, path).listener.listen(), { code: 'INVALID_CONFIG', message: /not a socket/ });
  t.true(existsSync(path));
});

test('a directory that cannot be made is told in a sentence', async (t) => {
  const base = directory(t);
  writeFileSync(join(base, 'file'), '');
  const { listener: made } = listener(t, join(base, 'file', 'a.sock'));
  await t.throwsAsync(made.listen(), { code: 'INVALID_CONFIG', message: /a part of the path is not a directory/ });
});

test('at close a socket that has taken its place stays', async (t) => {
  const path = join(directory(t), 'a.sock');
  const { listener: old } = listener(t, path);
  await old.listen();
  rmSync(path);
  const { listener: young } = listener(t, path);
  await young.listen();
  await old.close();
  t.true(await canConnect(path));
});

test('open connections outlive the listener', async (t) => {
  const path = join(directory(t), 'a.sock');
  const { listener: made, sockets } = listener(t, path);
  await made.listen();
  const client = connect(path);
  await once(client, 'connect');
  await made.close();
  client.write('x');
  const [data] = (await once(sockets[0] as Socket, 'data')) as [Buffer];
  t.is(data.toString(), 'x');
  client.destroy();
});

test('run listens until it is told to stop', async (t) => {
  const path = join(directory(t), 'a.sock');
  const { listener: made } = listener(t, path);
  const stop = new AbortController();
  const running = made.run(stop.signal);
  while (!existsSync(path)) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await running;
  t.false(existsSync(path));
});

test('a thousand connections made while the listener is busy are not refused', async (t) => {
  const path = join(directory(t), 'a.sock');
  const { listener: made, sockets } = listener(t, path);
  await made.listen();
  const clients = Array.from({ length: 1_000 }, () => connect(path));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  while (sockets.length < clients.length) await new Promise((resolve) => setImmediate(resolve));
  for (const client of clients) client.destroy();
  t.pass();
});

test('a probe does not disturb a server of another kind', async (t) => {
  const path = join(directory(t), 'a.sock');
  const other = createServer();
  other.listen(path);
  await once(other, 'listening');
  t.teardown(() => other.close());
  await t.throwsAsync(listener(t, path).listener.listen(), { code: 'INVALID_CONFIG' });
});
