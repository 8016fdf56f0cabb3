import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import test from 'ava';
import { groupsByStatus } from '../../bench/micro/tricks/plain-serving.js';
import { aborted } from '../../src/runtime/task-group.js';
import {
  EMPTY_MESSAGE,
  frame,
  indexedName,
  plainString,
  PREFACE,
  requestBlock,
  SETTINGS,
} from '../workload-api/raw-http2.js';
import { contextOf, Stage, until } from '../workload-api/stage.js';

// Needs root: clients run as other users.

const CALL = Buffer.concat([
  PREFACE,
  SETTINGS,
  frame(1, 4, 1, requestBlock(indexedName(1, plainString('localhost')))),
  frame(0, 1, 1, EMPTY_MESSAGE),
]).toString('hex');

/** What each connection of a client that runs as `uid` was sent, as text; it does `before` and `after` connecting what they say. */
async function fetchAs(stage: Stage, uid: number, connections: number, after = '', before = ''): Promise<string[]> {
  const script = `
    const { connect } = require('net');
    ${before};
    const done = Array.from({ length: ${connections} }, () => new Promise((resolve) => {
      let got = '';
      const s = connect(${JSON.stringify(stage.socketPath)}, () => { ${after}; s.write(Buffer.from('${CALL}', 'hex')); });
      const end = () => { resolve(got); s.destroy(); };
      s.on('data', (data) => { got += data.toString('latin1'); if (/uid=\\d+;|many|chang/.test(got)) end(); });
      s.on('error', end).on('close', end);
      setTimeout(end, 2000);
    }));
    Promise.all(done).then((texts) => console.log(JSON.stringify(texts)));`;
  const child = spawn(process.execPath, ['-e', script], {
    uid,
    gid: uid,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  return JSON.parse(output) as string[];
}

/** A stage whose contexts say which uid asked. */
async function open(t: Parameters<typeof Stage.open>[0], limits: object = {}): Promise<Stage> {
  const stage = await Stage.open(t, { limits });
  chmodSync(stage.directory, 0o755);
  stage.sources.callerAttributes = (peer) => {
    const [, uid = ''] = /^Uid:\s+(\d+)/m.exec(peer.readFile('status').toString()) ?? [];
    return Promise.resolve({ uid: [uid, String(peer.uid)] });
  };
  stage.sources.x509Contexts.watch = async (attributes, deliver, signal) => {
    const [proc, kernel] = attributes['uid'] ?? [];
    deliver(contextOf(proc === kernel ? `uid=${kernel};` : `wrong: ${proc} ${kernel}`));
    await aborted(signal);
  };
  return stage;
}

test.serial('each of many users at once gets what is its own', async (t) => {
  const stage = await open(t);
  const uids = [20_001, 20_002, 20_003, 20_004, 20_005];
  const answers = await Promise.all(uids.map((uid) => fetchAs(stage, uid, 40)));
  for (const [index, uid] of uids.entries()) {
    t.is(answers[index]?.length, 40);
    t.true(
      answers[index]?.every((text) => text.includes(`uid=${uid};`)),
      `uid ${uid}`,
    );
  }
  await until(() => stage.api.connections === 0);
});

test.serial('a user at its limit is refused, another is not', async (t) => {
  const stage = await open(t, { connectionsPerUid: 5 });
  const [greedy, modest] = await Promise.all([fetchAs(stage, 20_001, 20), fetchAs(stage, 20_002, 5)]);
  t.true(modest.every((text) => text.includes('uid=20002;')));
  t.true(greedy.filter((text) => text.includes('uid=20001;')).length >= 5);
});

test.serial('a process that changes its user after it connected is no longer that caller', async (t) => {
  const stage = await open(t);
  const texts = await fetchAs(stage, 0, 1, 'process.setgid(20001); process.setuid(20001)');
  t.false(texts.some((text) => text.includes('uid=')));
});

for (const count of [0, 1, 64, 65, 300]) {
  test.serial(
    `of a caller with ${count} groups the kernel says with its credentials what its status says`,
    async (t) => {
      const stage = await open(t);
      stage.sources.callerAttributes = (peer) => {
        const { pid, groups } = peer;
        return Promise.resolve({ given: groups.map(String), read: groupsByStatus(pid).map(String) });
      };
      stage.sources.x509Contexts.watch = async ({ given = [], read = [] }, deliver, signal) => {
        const same = given.length === count && given.join() === read.join();
        deliver(contextOf(same ? 'uid=0; alike' : `uid=0; ${given.join()} for ${read.join()}`));
        await aborted(signal);
      };
      // Before it connects: the kernel keeps the groups of that moment.
      const [text] = await fetchAs(
        stage,
        0,
        1,
        '',
        `process.setgroups(Array.from({ length: ${count} }, (_, i) => 3_000 + i))`,
      );
      t.regex(text ?? '', /uid=0; alike/);
    },
  );
}
