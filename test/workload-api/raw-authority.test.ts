import test from 'ava';
import {
  EMPTY_MESSAGE,
  frame,
  indexedName,
  plainString,
  PREFACE,
  RawClient,
  requestBlock,
  SETTINGS,
  SETTINGS_ACK,
} from './raw-http2.js';
import { Stage } from './stage.js';

const HEADERS = 1;
const END_HEADERS = 4;
const END_STREAM = 1;
/** As clients in Java have it: the path of the socket. */
const REQUEST = frame(HEADERS, END_HEADERS, 1, requestBlock(indexedName(1, plainString('/run/agent@1/agent.sock'))));
const DATA = frame(0, END_STREAM, 1, EMPTY_MESSAGE);

const isReset = ({ type }: { type: number }): boolean => type === 3;
const isData = ({ type, payload }: { type: number; payload: Buffer }): boolean => type === 0 && payload.length > 5;

test('a client with a raw path as :authority is served, at once or after SETTINGS, and again through its table', async (t) => {
  const stage = await Stage.open(t);
  const eager = new RawClient(stage.socketPath);
  eager.send(PREFACE, SETTINGS, REQUEST, DATA);
  t.regex((await eager.wait(isData)).payload.toString(), /spiffe:\/\/example.org\/a/);

  const polite = new RawClient(stage.socketPath);
  polite.send(PREFACE, SETTINGS);
  await polite.wait(({ type, flags }) => type === 4 && flags === 0);
  polite.acknowledge();
  polite.send(SETTINGS_ACK, REQUEST, DATA);
  await polite.wait(isData);
  // All of the first request's literals now stand in the dynamic table: content-type and the others are 62 and up.
  const again = Buffer.from([0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe]);
  polite.send(frame(HEADERS, END_HEADERS, 3, again), frame(0, END_STREAM, 3, EMPTY_MESSAGE));
  await polite.wait((got) => isData(got) && got.stream === 3);
  t.false(polite.frames.some(isReset));
  eager.socket.destroy();
  polite.socket.destroy();
});
