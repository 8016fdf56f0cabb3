import type { EchoGrpcServer } from '../fakes/echo-grpc-server.js';
import { Http2Peer, type Fate } from '../fakes/http2-peer.js';
import type { Nghttp2Echo } from '../fakes/nghttp2-echo.js';
import type { SeededRandom } from '../fakes/seeded-random.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a server made of what it was sent so far. */
export interface Outcome {
  /** `silent`: it waits for the rest of a frame. */
  readonly connection: 'open' | 'silent' | 'ended';
  /** Of GOAWAY. */
  readonly code: Fate;
  readonly requests: readonly string[];
  /** By number, those that the client reset left out. */
  readonly streams: Readonly<Record<number, { readonly begun: string; readonly ended: string }>>;
}

interface Side {
  readonly peer: Http2Peer;
  readonly requests: () => readonly Readonly<Record<string, string | undefined>>[];
}

/** The same client to this project's server and to nghttp2's. */
export class Http2Pair {
  readonly sides: readonly [ours: Side, theirs: Side];

  constructor(ours: EchoGrpcServer, theirs: Nghttp2Echo) {
    ours.admitted.length = 0;
    theirs.requests.length = 0;
    this.sides = [
      { peer: Http2Peer.greeted(ours.socketPath), requests: () => ours.admitted },
      { peer: Http2Peer.greeted(theirs.socketPath), requests: () => theirs.requests },
    ];
  }

  /** Sends the same to both, in pieces of any length when `random` is given. */
  async send(bytes: Buffer, random?: SeededRandom): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const end = random === undefined ? bytes.length : at + random.whole(1, 40);
      for (const { peer } of this.sides) peer.send(bytes.subarray(at, end));
      at = end;
      if (at < bytes.length) await turn();
    }
  }

  /** What both have made of what they were sent so far. A frame that was not whole is made so, with zeros, which then mean nothing. */
  async outcomes(leftOut: ReadonlySet<number>): Promise<[ours: Outcome, theirs: Outcome]> {
    const seen = (): Promise<Outcome[]> =>
      Promise.all(this.sides.map(async (side) => outcomeOf(side, await settled(side), leftOut)));
    let outcomes = await seen();
    if (outcomes.some(({ connection }) => connection === 'silent')) {
      await this.send(Buffer.alloc(MAX_FRAME + 100));
      outcomes = await seen();
    }
    return outcomes as [Outcome, Outcome];
  }

  close(): void {
    for (const { peer } of this.sides) peer.destroy();
  }
}

const MAX_FRAME = 16_384;
/** Turns of the event loop after which an answer is waited for no longer. */
const PATIENCE = 300;

/** Waits until nothing more comes: three pings in a row are answered, and nothing else. */
async function settled({ peer }: Side): Promise<Outcome['connection']> {
  for (let quiet = 0, seen = -1; quiet < 3;) {
    const answer = Symbol('ping');
    let got: unknown;
    const answered = peer.answers().then((alive) => (got = alive ? answer : undefined));
    let waited = 0;
    while (got === undefined && peer.fate === 'open' && waited++ < PATIENCE) await turn();
    if (peer.fate !== 'open') {
      await Promise.race([answered, turnsOf(PATIENCE)]);
      return 'ended';
    }
    if (got === undefined) return 'silent';
    const now = [...peer.streams.values()].reduce((sum, { data, headers }) => sum + data.length + headers.length, 0);
    quiet = now === seen ? quiet + 1 : 0;
    seen = now;
    await turn();
  }
  return 'open';
}

async function turnsOf(count: number): Promise<void> {
  for (let turns = 0; turns < count; turns++) await turn();
}

const COMPARED = new Set([':status', 'content-type', 'grpc-status']);

function outcomeOf({ peer, requests }: Side, connection: Outcome['connection'], leftOut: ReadonlySet<number>): Outcome {
  const streams: Record<number, { begun: string; ended: string }> = {};
  for (const [id, { headers, data, ended, reset }] of [...peer.streams].sort(([a], [b]) => a - b)) {
    if (leftOut.has(id)) continue;
    const [first = '', ...others] = headers.map((list) => fieldsOf(list));
    const body = Buffer.concat(data);
    const code = ended && reset === 0 ? undefined : reset;
    streams[id] = {
      begun: `${first} body ${body.length} ${checksum(body)}`,
      ended: [...others, ...(ended ? ['ended'] : []), ...(code === undefined ? [] : [`reset ${code}`])].join(),
    };
  }
  return {
    connection,
    code: peer.fate,
    requests: requests().map((fields) => JSON.stringify(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)))),
    streams,
  };
}

function fieldsOf(list: readonly (readonly [string, string])[]): string {
  const compared = list.filter(([name]) => COMPARED.has(name));
  return compared.map((field) => field.join('=')).join();
}

function checksum(bytes: Buffer): number {
  return bytes.reduce((sum, octet) => (Math.imul(sum, 31) + octet) | 0, 7);
}
