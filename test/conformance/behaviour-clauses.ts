import { status } from '@grpc/grpc-js';
import {
  AUDIENCE,
  defaultSvid,
  expect,
  expectCode,
  jwtSvids,
  PROPER_REQUESTS,
  STREAMS,
  x509Svids,
  type ClauseTest,
} from './clause.js';
import { ANSWER_MS, endText } from './endpoint-under-test.js';

/** Long enough to notice a server that pushes by the clock, short enough to wait for. */
const QUIET_MS = 3_000;
const MAX_HINT_BYTES = 1024;

function hintsAreUnique(svids: readonly { readonly hint: string }[]): void {
  const hints = svids.map(({ hint }) => hint).filter((hint) => hint !== '');
  expect(new Set(hints).size === hints.length, `hints: ${hints.join(', ')}`);
  expect(
    hints.every((hint) => Buffer.byteLength(hint) <= MAX_HINT_BYTES),
    'a hint has more than 1024 bytes',
  );
}

const missingFields: readonly { readonly what: string; readonly method: string; readonly request: object }[] = [
  { what: 'FetchJWTSVID without audience', method: 'FetchJWTSVID', request: { audience: [] } },
  { what: 'FetchJWTSVID with an empty audience', method: 'FetchJWTSVID', request: { audience: [''] } },
  { what: 'ValidateJWTSVID without audience', method: 'ValidateJWTSVID', request: { audience: '', svid: 'a.b.c' } },
  { what: 'ValidateJWTSVID without token', method: 'ValidateJWTSVID', request: { audience: AUDIENCE, svid: '' } },
];

export const behaviourClauses: readonly ClauseTest[] = [
  {
    clause: 'WA-1',
    level: 'MUST',
    shows: 'the methods are found under /SpiffeWorkloadAPI/, without a package',
    run: async (subject) => {
      await x509Svids(subject);
    },
  },
  {
    clause: 'WA-2',
    level: 'MUST',
    shows: 'all five methods of the X.509 and JWT profiles are there',
    run: async ({ endpoint }) => {
      for (const [method, request] of Object.entries(PROPER_REQUESTS)) {
        const stream = endpoint.open(method, request);
        const message = await stream.next(ANSWER_MS);
        stream.cancel();
        const ended = stream.end?.code;
        expect(message !== undefined || ended !== undefined, `${method} does not answer`);
        expect(message !== undefined || ended !== status.UNIMPLEMENTED, `${method} is UNIMPLEMENTED`);
      }
    },
  },
  ...['FetchWITSVID', 'FetchWITBundles'].map((method): ClauseTest => ({
    clause: 'WA-2',
    level: 'MUST',
    shows: `${method} is answered, or UNIMPLEMENTED`,
    run: async ({ endpoint }) => {
      const stream = endpoint.open(method);
      const message = await stream.next(ANSWER_MS);
      stream.cancel();
      if (message === undefined) expectCode(stream.end ?? { code: status.OK, details: '' }, status.UNIMPLEMENTED);
    },
  })),
  {
    clause: 'WA-3',
    level: 'MUST',
    shows: 'a later message holds the full set, not a difference',
    needs: 'rotate',
    run: async ({ endpoint, inputs }) => {
      const stream = endpoint.open<Awaited<ReturnType<typeof x509Svids>>>('FetchX509SVID');
      const before = await stream.next(ANSWER_MS);
      await inputs.rotate?.();
      const after = await stream.next(ANSWER_MS);
      stream.cancel();
      expect(before !== undefined && after !== undefined, 'no message after the rotation');
      const ids = (message: typeof before): string => message.svids.map(({ spiffeId }) => spiffeId).join(' ');
      expect(ids(before) === ids(after), `${ids(before)} became ${ids(after)}`);
      const empty = after.svids.find((svid) =>
        [svid.x509Svid, svid.x509SvidKey, svid.bundle].some((b) => b.length === 0),
      );
      expect(empty === undefined, `fields are empty for ${empty?.spiffeId ?? ''}`);
    },
  },
  ...STREAMS.map((method): ClauseTest => ({
    clause: 'WA-4',
    level: 'MUST',
    shows: `${method} is answered at once on every stream, several on one connection too`,
    run: async ({ endpoint }) => {
      const streams = Array.from({ length: 5 }, () => endpoint.open(method));
      const messages = await Promise.all(streams.map((stream) => stream.next(ANSWER_MS)));
      for (const stream of streams) stream.cancel();
      expect(!messages.includes(undefined), streams.find(({ end }) => end !== undefined)?.end?.details ?? 'no answer');
    },
  })),
  {
    clause: 'WA-5',
    level: 'SHOULD',
    shows: 'streams are quiet while nothing happens',
    run: async ({ endpoint }) => {
      const streams = STREAMS.map((method) => endpoint.open(method));
      for (const stream of streams) expect((await stream.next(ANSWER_MS)) !== undefined, 'no answer');
      const more = await Promise.all(streams.map((stream) => stream.next(QUIET_MS)));
      for (const stream of streams) stream.cancel();
      expect(
        more.every((message) => message === undefined),
        'a message came though nothing had changed',
      );
    },
  },
  {
    clause: 'WA-5',
    level: 'SHOULD',
    shows: 'a change is pushed to all open streams that it concerns',
    needs: 'rotate',
    run: async ({ endpoint, inputs }) => {
      const other = endpoint.reconnect();
      const streams = [endpoint, other].map((connection) => connection.open('FetchX509SVID'));
      for (const stream of streams) expect((await stream.next(ANSWER_MS)) !== undefined, 'no answer');
      await inputs.rotate?.();
      const pushed = await Promise.all(streams.map((stream) => stream.next(ANSWER_MS)));
      other.close();
      for (const stream of streams) stream.cancel();
      expect(!pushed.includes(undefined), 'a stream was not told');
    },
  },
  {
    clause: 'WA-6',
    level: 'SHOULD',
    shows: 'the server keeps streams open',
    run: async ({ endpoint }) => {
      const streams = STREAMS.map((method) => endpoint.open(method));
      for (const stream of streams) expect((await stream.next(ANSWER_MS)) !== undefined, 'no answer');
      await streams[0]?.ended(QUIET_MS);
      const ended = streams.map(({ end }) => end).find((end) => end !== undefined);
      for (const stream of streams) stream.cancel();
      expect(ended === undefined, ended === undefined ? '' : endText(ended));
    },
  },
  ...missingFields.map(({ what, method, request }): ClauseTest => ({
    clause: 'WA-8',
    level: 'SHOULD',
    shows: `${what} is INVALID_ARGUMENT`,
    run: async ({ endpoint }) => expectCode(await endpoint.refusal(method, request), status.INVALID_ARGUMENT),
  })),
  {
    clause: 'WA-10',
    level: 'SHOULD',
    shows: 'the order of identities is stable, the default identity first',
    run: async (subject) => {
      const orders = new Set<string>();
      for (let i = 0; i < 3; i++)
        orders.add((await x509Svids(subject)).svids.map(({ spiffeId }) => spiffeId).join(' '));
      expect(orders.size === 1, [...orders].join(' / '));
      const [jwt] = await jwtSvids(subject);
      expect(
        jwt?.spiffeId === (await defaultSvid(subject)).spiffeId,
        `default JWT identity ${jwt?.spiffeId ?? 'none'}`,
      );
    },
  },
  {
    clause: 'WA-11',
    level: 'MUST',
    shows: 'hints are unique within an X.509 response',
    run: async (subject) => hintsAreUnique((await x509Svids(subject)).svids),
  },
  {
    clause: 'WA-11',
    level: 'MUST',
    shows: 'hints are unique within a JWT response',
    run: async (subject) => hintsAreUnique(await jwtSvids(subject)),
  },
];
