import { serveCommands } from '../rig/commands.js';
import { X509_PATH } from './requests.js';
import { answerOf, firstMessage, RawConnection } from './raw-grpc.js';
import { serialOf } from './svid-serial.js';

// A load generator in a process of its own: workloads of one user, or of many behind relays.

/** What a closed loop of calls measured. Times in milliseconds. */
export interface LoopResult {
  readonly count: number;
  readonly errors: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoopOptions {
  readonly sockets: readonly string[];
  readonly path: string;
  readonly body: Uint8Array;
  readonly inFlight: number;
  readonly ms: number;
  /** `call`: a connection per call, until its first message; `caller`: one per caller, unary calls. */
  readonly connectionPer: 'call' | 'caller';
}

interface Held {
  readonly connection: RawConnection;
  messages: number;
  lastAt: number;
  /** Serial number of the newest SVID. */
  serial: string;
  /** Serial number at `markSvids`. */
  markedSerial: string;
  /** When the first SVID with another serial number than the marked one came. */
  renewedAt: number;
}

let held: Held[] = [];
let ended = 0;

async function loop({ sockets, path, body, inFlight, ms, connectionPer }: LoopOptions): Promise<LoopResult> {
  const request = Buffer.from(body);
  const times: number[] = [];
  let errors = 0;
  const startedAt = performance.now();
  const until = startedAt + ms;
  const caller = async (index: number): Promise<void> => {
    const socket = sockets[index % sockets.length] ?? '';
    const own = connectionPer === 'caller' ? new RawConnection(socket) : undefined;
    while (performance.now() < until) {
      const begun = performance.now();
      try {
        await (own === undefined ? firstMessage(socket, path, request) : answerOf(own, path, request));
        times.push(performance.now() - begun);
      } catch {
        errors += 1;
        if (errors > 1000) throw new Error(`more than ${errors} calls of ${path} failed`);
      }
    }
    own?.close();
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => caller(index)));
  const seconds = (performance.now() - startedAt) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? NaN;
  return { count: times.length, errors, seconds, p50: at(0.5), p99: at(0.99), max: at(1) };
}

function openOn(connection: RawConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream: Held = { connection, messages: 0, lastAt: 0, serial: '', markedSerial: '', renewedAt: 0 };
    let opened = false;
    stream.connection.call(X509_PATH, Buffer.alloc(0), {
      message: (bytes) => {
        stream.messages += 1;
        stream.lastAt = performance.now();
        stream.serial = serialOf(bytes);
        if (stream.renewedAt === 0 && stream.serial !== stream.markedSerial) stream.renewedAt = stream.lastAt;
        if (!opened) resolve();
        opened = true;
      },
      end: () => {
        ended += 1;
        reject(new Error('a stream ended'));
      },
    });
    held.push(stream);
  });
}

/** Opens `count` streams, `each` on one connection; 32 connections at a time. */
async function open(sockets: readonly string[], count: number, each = 1): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const opener = async (): Promise<void> => {
    while (next < count) {
      const socket = sockets[(next / each) % sockets.length] ?? '';
      const streams = Math.min(each, count - next);
      next += streams;
      const connection = new RawConnection(socket);
      await Promise.all(Array.from({ length: streams }, () => openOn(connection)));
    }
  };
  await Promise.all(Array.from({ length: 32 }, opener));
  return performance.now() - startedAt;
}

/** Resolves once `done` holds, looked at every few milliseconds. */
async function until(what: string, done: () => boolean, limitMs = 60_000): Promise<void> {
  const limit = performance.now() + limitMs;
  while (!done()) {
    if (performance.now() > limit) throw new Error(`${what} has not happened in ${limitMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function untilServed(socket: string, everyMs: number): Promise<number> {
  for (const limit = performance.now() + 60_000; performance.now() < limit;) {
    try {
      await firstMessage(socket, X509_PATH, Buffer.alloc(0));
      return performance.timeOrigin + performance.now();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
  throw new Error(`${socket} was not served in 60 s`);
}

const commands = {
  loop,
  /** The first message of one call, on a connection of its own. */
  first: async (socket: string, path: string, body: Uint8Array): Promise<Uint8Array> =>
    firstMessage(socket, path, Buffer.from(body)),
  /** Opens streams that stay, each on a connection of its own unless told otherwise; milliseconds until all have their first message. */
  open,
  /** From now on, which SVIDs are other ones than now is noted. */
  markSvids: (): void => {
    for (const stream of held) {
      stream.markedSerial = stream.serial;
      stream.renewedAt = 0;
    }
  },
  /** Waits until every stream has another SVID than at `markSvids`; when the first and the last came, ms since the epoch. */
  renewed: async (limitMs: number): Promise<{ firstAt: number; lastAt: number; ended: number }> => {
    await until(`renewal of ${held.length} SVIDs`, () => held.every(({ renewedAt }) => renewedAt > 0), limitMs);
    const moments = held.map(({ renewedAt }) => performance.timeOrigin + renewedAt).sort((a, b) => a - b);
    return { firstAt: moments[0] ?? NaN, lastAt: moments.at(-1) ?? NaN, ended };
  },
  /** Messages that each stream has had so far are forgotten. */
  forget: (): void => {
    for (const stream of held) stream.messages = 0;
  },
  /** Waits until each stream has had `times` messages since `forget`; milliseconds from the first to the last arrival. */
  arrived: async (times: number): Promise<{ firstToLastMs: number; ended: number }> => {
    await until(`a push to ${held.length} streams`, () => held.every(({ messages }) => messages >= times));
    const arrivals = held.map(({ lastAt }) => lastAt);
    return {
      firstToLastMs: arrivals.reduce((a, b) => Math.max(a, b)) - arrivals.reduce((a, b) => Math.min(a, b)),
      ended,
    };
  },
  /** Polls until the socket gives its first message; wall-clock milliseconds since the epoch. */
  untilServed,
  /** Polls until each of many workloads, 32 at a time, has its first message; wall-clock milliseconds since the epoch. */
  untilAllServed: async (sockets: readonly string[], everyMs: number): Promise<{ firstAt: number; allAt: number }> => {
    const servedAt: number[] = [];
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < sockets.length) servedAt.push(await untilServed(sockets[next++] ?? '', everyMs));
    };
    await Promise.all(Array.from({ length: 32 }, caller));
    return { firstAt: Math.min(...servedAt), allAt: Math.max(...servedAt) };
  },
  /** When the newest message came, wall-clock milliseconds since the epoch. */
  newest: (): number => performance.timeOrigin + held.reduce((newest, { lastAt }) => Math.max(newest, lastAt), 0),
  closeAll: (): void => {
    for (const connection of new Set(held.map((stream) => stream.connection))) connection.close();
    held = [];
  },
};

export type WorkloadLoad = typeof commands;

serveCommands(commands);
