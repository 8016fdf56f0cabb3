import { once } from 'node:events';
import { connect, sensitiveHeaders, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import { Duplex } from 'node:stream';
import test from 'ava';
import { HpackDecoder } from '../../../src/runtime/http2/hpack-decoder.js';
import { HpackEncoder, integer, literalString, type Field } from '../../fakes/hpack-encoder.js';
import { SeededRandom } from '../../fakes/seeded-random.js';
import { FLAG, FRAME, setting } from '../../fakes/raw-grpc.js';
import { frame, SETTINGS_ACK } from '../../workload-api/raw-http2.js';

function decoded(decoder: HpackDecoder, block: Buffer): Field[] {
  const fields: Field[] = [];
  decoder.decode(block, (name, value) => void fields.push([name, value]));
  return fields;
}

const REQUEST: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
];
const SECURE: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
];
const NO_CACHE: Field = ['cache-control', 'no-cache'];
const response = (status: string, second: number, ...more: Field[]): Field[] => [
  [':status', status],
  ['cache-control', 'private'],
  ['date', `Mon, 21 Oct 2013 20:13:${second} GMT`],
  ['location', 'https://www.example.com'],
  ...more,
];
const LAST = response(
  '200',
  22,
  ['content-encoding', 'gzip'],
  ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
);

/** RFC 7541, appendix C: blocks in hexadecimal, with what they say. Those of one example share a table. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [string, readonly Field[]])[]>> = {
  'C.2.1': [['400a637573746f6d2d6b65790d637573746f6d2d686561646572', [['custom-key', 'custom-header']]]],
  'C.2.2': [['040c2f73616d706c652f70617468', [[':path', '/sample/path']]]],
  'C.2.3': [['100870617373776f726406736563726574', [['password', 'secret']]]],
  'C.2.4': [['82', [[':method', 'GET']]]],
  'C.3': [
    ['828684410f7777772e6578616d706c652e636f6d', REQUEST],
    ['828684be58086e6f2d6361636865', [...REQUEST, NO_CACHE]],
    ['828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565', SECURE],
  ],
  'C.4': [
    ['828684418cf1e3c2e5f23a6ba0ab90f4ff', REQUEST],
    ['828684be5886a8eb10649cbf', [...REQUEST, NO_CACHE]],
    ['828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf', SECURE],
  ],
  // The table of the two that follow has 256 bytes, which a decoder is told by a change of its size.
  'C.5': [
    ['3fe101', []],
    [
      '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
      response('302', 21),
    ],
    ['4803333037c1c0bf', response('307', 21)],
    [
      '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
      LAST,
    ],
  ],
  'C.6': [
    ['3fe101', []],
    [
      '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
      response('302', 21),
    ],
    ['4883640effc1c0bf', response('307', 21)],
    [
      '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      LAST,
    ],
  ],
};
for (const [name, blocks] of Object.entries(EXAMPLES)) {
  test(`the RFC's own example ${name}`, (t) => {
    const decoder = new HpackDecoder();
    for (const [block, says] of blocks) t.deepEqual(decoded(decoder, Buffer.from(block, 'hex')), says);
  });
}

/** nghttp2 as an encoder: a client of node:http2 whose bytes nobody gets but the test. */
class Nghttp2 {
  readonly #session: ClientHttp2Session;
  readonly #wire: Duplex;
  #bytes = Buffer.alloc(0);
  /** Header blocks that have come, in their order. */
  readonly blocks: Buffer[] = [];
  #begun: Buffer[] = [];
  #sent = 0;

  constructor() {
    this.#wire = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _, taken) => {
        this.#bytes = Buffer.concat([this.#bytes, chunk]);
        this.#take();
        taken();
      },
    });
    this.#session = connect('http://localhost', { createConnection: () => this.#wire });
    this.#session.on('error', () => {});
    // Any number of streams; its first bytes are the preface.
    this.tell(setting(3, 1_000_000));
    this.#wire.push(SETTINGS_ACK);
  }

  tell(settings: Buffer): void {
    this.#wire.push(frame(FRAME.SETTINGS, 0, 0, settings));
  }

  /** The block of a request with these fields. */
  async block(fields: OutgoingHttpHeaders): Promise<Buffer> {
    const stream = this.#session.request(fields, { endStream: true });
    stream.on('error', () => {});
    const number = this.#sent++;
    while (this.blocks.length <= number) await new Promise((resolve) => setImmediate(resolve));
    return this.blocks[number] as Buffer;
  }

  /** Waits until settings told before are in force. */
  async settled(): Promise<void> {
    await once(this.#session, 'remoteSettings');
  }

  close(): void {
    this.#session.destroy();
  }

  #take(): void {
    if (this.#bytes.subarray(0, 3).toString() === 'PRI') this.#bytes = this.#bytes.subarray(24);
    while (this.#bytes.length >= 9 && this.#bytes.length >= 9 + this.#bytes.readUIntBE(0, 3)) {
      const end = 9 + this.#bytes.readUIntBE(0, 3);
      const [type, flags] = [this.#bytes.readUInt8(3), this.#bytes.readUInt8(4)];
      if (type === FRAME.HEADERS || type === FRAME.CONTINUATION) {
        // nghttp2 sends a client's first headers with a priority.
        const from = 9 + ((flags & FLAG.PRIORITY) !== 0 && type === FRAME.HEADERS ? 5 : 0);
        this.#begun.push(this.#bytes.subarray(from, end));
        if ((flags & FLAG.END_HEADERS) !== 0) this.blocks.push(Buffer.concat(this.#begun.splice(0)));
      }
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}

/** A name that is one of few or new, and in the static table or not. */
function nameOf(random: SeededRandom): string {
  const few = ['content-type', 'user-agent', 'grpc-timeout', 'x-a', 'x-b', 'authorization', 'cookie', 'accept'];
  return random.chance(0.7) ? random.of(few) : `x-${random.whole(0, 1_000_000)}`;
}

function valueOf(random: SeededRandom): string {
  if (random.chance(0.5)) return random.of(['', 'trailers', 'application/grpc', '10S', 'a=b; c=d', 'v'.repeat(200)]);
  const characters = random.chance(0.8) ? [97, 122] : [0x21, 255];
  const length = random.chance(0.05) ? random.whole(500, 5_000) : random.whole(1, 40);
  return Array.from({ length }, () => String.fromCharCode(random.whole(characters[0] ?? 0, characters[1] ?? 0))).join(
    '',
  );
}

const PSEUDO: readonly Field[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/S/M'],
  [':authority', 'localhost'],
];

test('what nghttp2 encodes is decoded to what it was given, block after block, through every change of the table', async (t) => {
  const random = new SeededRandom(2);
  for (let connection = 0; connection < 10; connection++) {
    const encoder = new Nghttp2();
    const decoder = new HpackDecoder();
    for (let block = 0; block < 100; block++) {
      const fields = new Map<string, string>();
      for (let count = random.whole(0, 12); count > 0; count--) fields.set(nameOf(random), valueOf(random));
      const names = [...fields.keys()];
      const given: OutgoingHttpHeaders = {
        ...Object.fromEntries([...PSEUDO, ...fields]),
        [sensitiveHeaders as unknown as string]: names.filter(() => random.chance(0.1)),
      };
      t.deepEqual(decoded(decoder, await encoder.block(given)), [...PSEUDO, ...fields]);
      if (random.chance(0.1)) {
        const settled = encoder.settled();
        const sizes = Array.from({ length: random.whole(1, 3) }, () =>
          random.of([0, 31, 64, 100, 1_000, 4_096, 65_536]),
        );
        encoder.tell(Buffer.concat(sizes.map((size) => setting(1, size))));
        await settled;
      }
    }
    encoder.close();
  }
});

test('every octet is decoded from its Huffman code', async (t) => {
  const encoder = new Nghttp2();
  const decoder = new HpackDecoder();
  for (let octet = 1; octet < 256; octet++) {
    const character = String.fromCharCode(octet);
    // So many short codes about it that nghttp2 chooses the Huffman code.
    const value = `${'e'.repeat(30)}${character}${'o'.repeat(octet % 8)}${character}`;
    const block = await encoder.block({ ...Object.fromEntries(PSEUDO), 'x-octet': value });
    t.false(block.includes(Buffer.from(value, 'latin1')));
    t.deepEqual(decoded(decoder, block).at(-1), ['x-octet', value]);
  }
  // node:http2 cannot send a zero; its code has 13 bits.
  t.deepEqual(decoded(decoder, Buffer.concat([Buffer.of(0x40, 1, 0x78), literalString('\0', true)])), [['x', '\0']]);
  encoder.close();
});

test('blocks made in every way that HPACK leaves open say what they were made of', (t) => {
  const random = new SeededRandom(3);
  for (let connection = 0; connection < 20; connection++) {
    const [encoder, decoder] = [new HpackEncoder(random), new HpackDecoder()];
    for (let block = 0; block < 100; block++) {
      const changes = random.chance(0.1)
        ? [encoder.resize(random.of([0, 40, 200])), encoder.resize(random.of([0, 300, 4_096]))]
        : [];
      const fields = Array.from({ length: random.whole(0, 12) }, (): Field => [nameOf(random), valueOf(random)]);
      t.deepEqual(decoded(decoder, Buffer.concat([...changes, encoder.block(fields)])), fields);
    }
  }
});

test('an entry larger than the table empties it', (t) => {
  const decoder = new HpackDecoder();
  const small = Buffer.from('40016101624001630164', 'hex');
  t.deepEqual(decoded(decoder, small), [
    ['a', 'b'],
    ['c', 'd'],
  ]);
  t.deepEqual(decoded(decoder, Buffer.of(0xbe, 0xbf)), [
    ['c', 'd'],
    ['a', 'b'],
  ]);
  const large = Buffer.concat([Buffer.of(0x40, 1, 0x78), integer(4_064, 7, 0), Buffer.alloc(4_064, 'y')]);
  t.deepEqual(decoded(decoder, large), [['x', 'y'.repeat(4_064)]]);
  t.throws(() => decoded(decoder, Buffer.of(0xbe)), { message: /no entry/ });
});

test('an entry as large as the table is all of it', (t) => {
  const decoder = new HpackDecoder();
  const length = 4_096 - 32 - 1;
  const whole = Buffer.concat([Buffer.of(0x40, 1, 0x78), integer(length, 7, 0), Buffer.alloc(length, 'y')]);
  decoded(decoder, whole);
  t.deepEqual(decoded(decoder, Buffer.of(0xbe)), [['x', 'y'.repeat(length)]]);
  t.throws(() => decoded(decoder, Buffer.of(0xbf)), { message: /no entry/ });
});

test('random octets are decoded or refused, and nothing else happens', (t) => {
  const random = new SeededRandom(4);
  let refused = 0;
  for (let turn = 0; turn < 20_000; turn++) {
    const decoder = new HpackDecoder();
    const block = Buffer.from(Array.from({ length: random.whole(1, 60) }, () => random.whole(0, 255)));
    try {
      decoded(decoder, block);
    } catch (error) {
      refused += 1;
      if ((error as { code?: unknown }).code !== 9) throw error;
    }
  }
  t.true(refused > 1_000 && refused < 20_000);
});

test('a block that is cut anywhere is refused or says a part of what it said', (t) => {
  const random = new SeededRandom(5);
  const fields = Array.from({ length: 12 }, (): Field => [nameOf(random), valueOf(random).slice(0, 100)]);
  const block = new HpackEncoder(random).block(fields);
  for (let at = 0; at < block.length; at++) {
    let said: Field[] = [];
    try {
      said = decoded(new HpackDecoder(), block.subarray(0, at));
    } catch (error) {
      t.is((error as { code?: unknown }).code, 9);
    }
    t.deepEqual(said, fields.slice(0, said.length));
  }
});
