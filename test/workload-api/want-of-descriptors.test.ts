import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { PREFACE, SETTINGS } from './raw-http2.js';

const PROGRAM = fileURLToPath(new URL('./short-of-descriptors.js', import.meta.url));
/** Node's own, and those of a few dozen connections. */
const DESCRIPTORS = 120;

/** Connects and speaks; whether it is answered, or turned away. */
function served(path: string, sockets: Socket[]): Promise<boolean> {
  const socket = connect(path);
  sockets.push(socket);
  socket.on('error', () => {});
  socket.write(Buffer.concat([PREFACE, SETTINGS]));
  return new Promise((resolve) => {
    socket.once('data', () => resolve(true));
    socket.once('close', () => resolve(false));
  });
}

test('without descriptors for more connections those that exist go on, the log tells it once, and later ones are served', async (t) => {
  const child = spawn('sh', ['-c', `ulimit -n ${DESCRIPTORS}; exec "$0" "$1"`, process.execPath, PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const sockets: Socket[] = [];
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => ((await lines.next()) as IteratorYieldResult<string>).value;
  const path = await next();

  const outcomes: boolean[] = [];
  for (let i = 0; i < 2 * DESCRIPTORS; i++) outcomes.push(await served(path, sockets));
  t.true(outcomes.filter((was) => was).length > 5, 'some had room');
  t.true(outcomes.filter((was) => !was).length > DESCRIPTORS, 'the others were turned away');
  child.stdin.write('\n');
  const { told, unexpected } = JSON.parse(await next()) as { told: { message: string }[]; unexpected: string[] };
  t.deepEqual(unexpected, []);
  t.deepEqual(
    told.map(({ message }) => message),
    ['Connection not accepted'],
  );

  const first = sockets[0] as Socket;
  t.false(first.closed);
  for (const socket of sockets.splice(0)) socket.destroy();
  while (!(await served(path, sockets))) await new Promise((resolve) => setTimeout(resolve, 20));
});
