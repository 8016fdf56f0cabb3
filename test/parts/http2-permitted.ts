import { HpackDecoder } from '../../src/runtime/http2/hpack-decoder.js';
import type { Field } from '../fakes/hpack-encoder.js';
import { FLAG, FRAME } from '../fakes/raw-grpc.js';
import type { Outcome } from './http2-pair.js';

/** What the two made of the same bytes, and the bytes: whole frames, up to the part in question and in it. */
export interface Difference {
  readonly before: Buffer;
  readonly part: Buffer;
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const { DATA, HEADERS, PRIORITY, SETTINGS, PING, GOAWAY, CONTINUATION } = FRAME;
const [PROTOCOL, CLOSED] = [1, 5];

/** Where the RFC leaves a choice, or nghttp2 does not keep it to the letter; the first that fits is why two outcomes differ. */
export const PERMITTED: Readonly<Record<string, (difference: Difference) => boolean>> = {
  'an acknowledgement nobody waits for is ignored; nghttp2 ends the connection': ({ part, ours, theirs }) =>
    ours.connection === 'open' &&
    theirs.connection === 'ended' &&
    framesOf(part).some(({ type, flags }) => (type === SETTINGS || type === PING) && (flags & FLAG.ACK) !== 0),
  'calls may end after a GOAWAY with an error; node:http2 ends the connection': ({ part, theirs }) =>
    theirs.connection === 'ended' && framesOf(part).some(({ type }) => type === GOAWAY),
  'what comes on a stream after its end costs the stream; nghttp2 ignores it, or ends the connection': ({
    ours,
    theirs,
  }) => ours.connection === 'open' && hasReset(ours, theirs, CLOSED),
  'headers of a stream that is closed cost the connection (RFC 9113, 5.1); nghttp2 ignores them': ({
    before,
    part,
    ours,
    theirs,
  }) => ours.connection === 'ended' && theirs.connection === 'open' && beginsAnew(before, part),
  'a stream of its own has PRIORITY (RFC 9113, 6.3); newer nghttp2 ignores the frame': ({ part, ours, theirs }) =>
    ours.connection === 'ended' &&
    theirs.connection === 'open' &&
    framesOf(part).some(({ type, stream }) => type === PRIORITY && stream === 0),
  'what follows a request that is refused already is ignored; newer nghttp2 looks at it': ({
    before,
    part,
    ours,
    theirs,
  }) => ours.connection === 'open' && hasReset(theirs, ours, PROTOCOL) && beginsAnew(before, part),
  'padding is looked at (RFC 9113, 6.1), also where nghttp2 ignores the frame': ({ part, ours, theirs }) =>
    ours.connection === 'ended' && theirs.connection === 'open' && framesOf(part).some(isPaddedWrongly),
  'each value of SETTINGS has to be in its range (RFC 9113, 6.5.2); nghttp2 looks at the last one': ({
    part,
    ours,
    theirs,
  }) =>
    ours.connection === 'ended' && theirs.connection === 'open' && framesOf(part).some(({ type }) => type === SETTINGS),
  'a field that is none makes a request malformed (RFC 9113, 8.2.1); nghttp2 drops it': (difference) =>
    hasReset(difference.ours, difference.theirs, PROTOCOL) && lastFields(difference).some(isNoField),
  'a request needs no :authority (RFC 9113, 8.3.1), and a path may be any text; nghttp2 resets the stream': (
    difference,
  ) => hasReset(difference.theirs, difference.ours, PROTOCOL) && isOddTarget(lastFields(difference)),
};

/** Whether `one` says of a stream that it is reset with `code`, and `other` does not. */
function hasReset(one: Outcome, other: Outcome, code: number): boolean {
  const has = ({ streams }: Outcome, id: string): boolean =>
    streams[Number(id)]?.ended.includes(`reset ${code}`) === true;
  return Object.keys(one.streams).some((id) => has(one, id) && !has(other, id));
}

export function framesOf(bytes: Buffer): RawFrame[] {
  const frames: RawFrame[] = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    const [type, flags, stream] = [
      bytes.readUInt8(at + 3),
      bytes.readUInt8(at + 4),
      bytes.readUInt32BE(at + 5) & 0x7fffffff,
    ];
    frames.push({ type, flags, stream, payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

function beginsAnew(before: Buffer, part: Buffer): boolean {
  const streamsOf = (bytes: Buffer): number[] =>
    framesOf(bytes).flatMap(({ type, stream }) => (type === HEADERS ? [stream] : []));
  const [known, seen] = [streamsOf(before), new Set<number>()];
  return streamsOf(part).some((stream) => {
    const again = seen.has(stream) || stream <= Math.max(0, ...known);
    seen.add(stream);
    return again;
  });
}

function isPaddedWrongly({ type, flags, payload }: RawFrame): boolean {
  return (type === DATA || type === HEADERS) && (flags & FLAG.PADDED) !== 0 && (payload[0] ?? 0) >= payload.length;
}

/** Fields of the last header block there is. */
function lastFields({ before, part }: Difference): Field[] {
  const decoder = new HpackDecoder();
  let [block, fields]: [Buffer[], Field[]] = [[], []];
  for (const { type, flags, payload } of framesOf(Buffer.concat([before, part]))) {
    if (type !== HEADERS && type !== CONTINUATION) continue;
    block.push(type === HEADERS ? fragmentOf(flags, payload) : payload);
    if ((flags & FLAG.END_HEADERS) === 0) continue;
    fields = [];
    decoder.decode(Buffer.concat(block), (name, value) => void fields.push([name, value]));
    block = [];
  }
  return fields;
}

function fragmentOf(flags: number, payload: Buffer): Buffer {
  const padded = (flags & FLAG.PADDED) !== 0;
  const from = (padded ? 1 : 0) + ((flags & FLAG.PRIORITY) !== 0 ? 5 : 0);
  return payload.subarray(from, payload.length - (padded ? payload.readUInt8(0) : 0));
}

function isNoField([name, value]: Field): boolean {
  return !/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) || /[\0-\x08\x0a-\x1f\x7f]|^\s|\s$/.test(value);
}

function isOddTarget(fields: readonly Field[]): boolean {
  const [authority, path] = [':authority', ':path'].map((name) => fields.find(([known]) => known === name)?.[1]);
  return authority === undefined || !/^[!-~]+$/.test(authority) || path?.startsWith('/') === false;
}
