import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { writeEach } from '../../../bench/micro/tricks/plain-serving.js';
import { Outbound } from '../../../src/runtime/http2/outbound.js';
import { WriteTurn } from '../../../src/runtime/http2/write-turn.js';

/** Both ends of a connection. */
async function socketPair(t: ExecutionContext): Promise<readonly [sender: Socket, receiver: Socket]> {
  const directory = mkdtempSync(join(tmpdir(), 'outbound-'));
  const server = createServer().listen(join(directory, 's'));
  await once(server, 'listening');
  const receiver = connect(join(directory, 's'));
  const [sender] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    sender.destroy();
    receiver.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return [sender, receiver];
}

/** What arrives until `length` octets are there. */
async function received(receiver: Socket, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let got = 0; got < length; got += parts.at(-1)?.length ?? 0) {
    parts.push(((await once(receiver, 'data')) as [Buffer])[0]);
  }
  return Buffer.concat(parts);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** The frames of several turns. */
const turns = fc.array(
  fc.array(
    fc.uint8Array({ minLength: 1, maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    { maxLength: 6 },
  ),
  { maxLength: 6 },
);

test('what goes out in a write per turn is what goes out in a write per frame', async (t) => {
  const [[sender, receiver], [plainSender, plainReceiver]] = [await socketPair(t), await socketPair(t)];
  const outbound = new Outbound(sender, new WriteTurn());
  let writes = 0;
  const write = sender.write.bind(sender);
  sender.write = (bytes: string | Uint8Array): boolean => {
    writes += 1;
    return write(bytes);
  };
  await fc.assert(
    fc.asyncProperty(turns, async (sent) => {
      const all = Buffer.concat(sent.flat());
      writes = 0;
      const arrived = Promise.all([received(receiver, all.length), received(plainReceiver, all.length)]);
      for (const frames of sent) {
        for (const frame of frames) outbound.send(frame);
        writeEach(plainSender, frames);
        await turn();
      }
      const [together, each] = await arrived;
      t.deepEqual(together, all);
      t.deepEqual(each, all);
      t.is(writes, sent.filter((frames) => frames.length > 0).length);
    }),
    { numRuns: 60 },
  );
});
