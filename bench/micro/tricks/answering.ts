import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import type { X509Context } from '../../../src/domain/x509-context.js';
import { MESSAGE_ENCODINGS } from '../../../src/runtime/grpc-frame.js';
import { Flag, frame, frameHeader, FrameType } from '../../../src/runtime/http2/frame.js';
import { headerBlock } from '../../../src/runtime/http2/header-block.js';
import { Outbound } from '../../../src/runtime/http2/outbound.js';
import { WriteTurn } from '../../../src/runtime/http2/write-turn.js';
import { encodeX509Context } from '../../../src/workload-api/messages.js';
import { callThatSendsNothing } from '../../../test/fakes/silent-call.js';
import { writeEach } from './plain-serving.js';
import { Sink, turn, type Trick } from './trick.js';

const RESPONSE = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-accept-encoding', MESSAGE_ENCODINGS],
] as const;
const TRAILERS = [['grpc-status', '0']] as const;
/** A message with its prefix: what FetchX509SVID answers a workload with one identity. */
const MESSAGE = Buffer.alloc(1_548, 7);

const headers = (flags: number, block: Buffer): Buffer => frame(FrameType.HEADERS, flags | Flag.END_HEADERS, 1, block);

const headerBlocks: Trick = {
  name: 'header blocks made once, of made per answer',
  unit: 'answer',
  open: () => {
    const sink = new Sink();
    const [response, trailers] = [headerBlock(RESPONSE), headerBlock(TRAILERS)];
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = [headers(0, response), headers(Flag.END_STREAM, trailers)];
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) {
          sink.kept = [headers(0, headerBlock(RESPONSE)), headers(Flag.END_STREAM, headerBlock(TRAILERS))];
        }
      },
    };
  },
};

const oneWrite: Trick = {
  name: 'frames of a turn in one write, of a write per frame',
  unit: 'answer',
  open: () => {
    // The reader is another program, so that what reading costs is not counted.
    const reader = spawn('cat', { stdio: ['pipe', 'ignore', 'inherit'] });
    const socket = reader.stdin;
    // A pipe to a program is a pair of Unix sockets, of which this is one.
    if (!(socket instanceof Socket)) throw new Error('no socket');
    const outbound = new Outbound(socket, new WriteTurn());
    const [response, trailers] = [headers(0, headerBlock(RESPONSE)), headers(Flag.END_STREAM, headerBlock(TRAILERS))];
    const sent = async (): Promise<void> => {
      await turn();
      // Waiting costs no CPU; a socket that is full would.
      if (socket.writableNeedDrain) await once(socket, 'drain');
    };
    return {
      trick: async (times) => {
        for (let i = 0; i < times; i++) {
          const data = [frameHeader(MESSAGE.length, FrameType.DATA, 0, 1), MESSAGE];
          for (const part of [response, ...data, trailers]) outbound.send(part);
          await sent();
        }
      },
      plain: async (times) => {
        for (let i = 0; i < times; i++) {
          writeEach(socket, [response, frame(FrameType.DATA, 0, 1, MESSAGE), trailers]);
          await sent();
        }
      },
      close: async () => {
        socket.end();
        await once(reader, 'exit');
      },
    };
  },
};

const signalOnDemand: Trick = {
  name: 'an abort signal on demand, of one for each call',
  unit: 'call, begun and ended',
  open: () => {
    const sink = new Sink();
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) callThatSendsNothing().end();
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) {
          const call = callThatSendsNothing();
          sink.kept = call.signal;
          call.end();
        }
      },
    };
  },
};

/** Sizes as they are with P-256 keys. */
const CONTEXT: X509Context = {
  svids: [
    {
      spiffeId: SpiffeId.parse('spiffe://example.org/k8s/ns/default/sa/checkout'),
      chain: [Buffer.alloc(560, 1), Buffer.alloc(540, 2)],
      privateKey: Buffer.alloc(138, 3),
      ...{ serial: '01', notBefore: 0, notAfter: 1, keysetId: 'ks_0000000000', outcome: '', hint: '' },
    },
  ],
  bundle: {
    ...{ trustDomain: 'example.org', sequence: 1, refreshHintSeconds: 60 },
    x509Authorities: [{ certificate: Buffer.alloc(540, 4) }],
    jwtAuthorities: [],
  },
  federatedBundles: [],
};

const encodedOnce: Trick = {
  name: 'messages made once per snapshot, of once per stream',
  unit: 'message',
  open: () => {
    const sink = new Sink();
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = encodeX509Context(CONTEXT);
      },
      plain: (times) => {
        // Another snapshot with the same in it.
        for (let i = 0; i < times; i++) sink.kept = encodeX509Context({ ...CONTEXT });
      },
    };
  },
};

export const answeringTricks: readonly Trick[] = [headerBlocks, oneWrite, signalOnDemand, encodedOnce];
