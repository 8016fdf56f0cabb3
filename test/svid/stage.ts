import { randomInt } from 'node:crypto';
import { canonicalAttributes, type Attributes } from '../../src/domain/attributes.js';
import type { X509Context } from '../../src/domain/x509-context.js';
import type { Clock } from '../../src/runtime/clock.js';
import { SpirlError } from '../../src/runtime/errors.js';
import type { LogFields, Logger } from '../../src/runtime/logger.js';
import { createSvidRoom, SVID_DEFAULTS, type SvidRoom, type SvidSettings } from '../../src/svid/svid-room.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { FakeServer } from './fake-server.js';

/** A wall clock that can be set, over a clock that cannot. */
export class SettableClock implements Clock {
  readonly inner = new FakeClock();
  #skewMs = 0;
  now(): number {
    return this.inner.now() + this.#skewMs;
  }
  monotonic(): number {
    return this.inner.monotonic();
  }
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.inner.sleep(ms, signal);
  }
  advance(ms: number): Promise<void> {
    return this.inner.advance(ms);
  }
  /** What a suspend looks like: the wall clock has gone on, timers and the monotonic clock have not. */
  jump(ms: number): void {
    this.#skewMs += ms;
  }
}

/** Reproducible numbers from 0 up to but not including 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Line {
  readonly logger: string;
  readonly message: string;
  readonly fields: LogFields;
}

function recorder(lines: Line[], logger: string): Logger {
  const write = (message: string, fields: LogFields = {}): void => void lines.push({ logger, message, fields });
  const named = (name: string): Logger => recorder(lines, `${logger}.${name}`);
  return { debug: write, info: write, warn: write, error: write, named };
}

/** An open FetchX509SVID stream. */
export class FakeStream {
  readonly contexts: X509Context[] = [];
  readonly arrivals: number[] = [];
  /** How it ended: an error code, `done`, or undefined while it is open. */
  end: string | undefined;
  readonly attributes: Attributes;
  readonly #stop = new AbortController();
  constructor(room: SvidRoom, attributes: Attributes, clock: Clock) {
    this.attributes = attributes;
    const deliver = (context: X509Context): void => {
      this.contexts.push(context);
      this.arrivals.push(clock.monotonic());
    };
    room.x509.watch(attributes, deliver, this.#stop.signal).then(
      () => (this.end = 'done'),
      (error: unknown) => (this.end = error instanceof SpirlError ? error.code : String(error)),
    );
  }
  get latest(): X509Context | undefined {
    return this.contexts.at(-1);
  }
  get svid(): X509Context['svids'][number] | undefined {
    return this.latest?.svids[0];
  }
  close(): void {
    this.#stop.abort();
  }
}

export function named(name: string, more: Attributes = {}): Attributes {
  return canonicalAttributes({ name: [name] }, more);
}

/** The room on its own, with a server and time that tests move. */
export class Stage {
  readonly clock: SettableClock;
  readonly server: FakeServer;
  readonly room: SvidRoom;
  readonly lines: Line[] = [];
  readonly expiring: Record<'x509' | 'jwt', number> = { x509: 0, jwt: 0 };
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  /** `chance`: a seed, or the one number that is always drawn. `outside`: whose server and time go on. */
  constructor(
    settings: Partial<SvidSettings> = {},
    chance: number | { readonly always: number } = randomInt(2 ** 31),
    outside?: Stage,
  ) {
    this.clock = outside?.clock ?? new SettableClock();
    this.server = outside?.server ?? new FakeServer(this.clock);
    const { server, clock } = this;
    this.room = createSvidRoom(
      {
        ...{ trust: server.trust, x509Issuer: server, jwtIssuer: server, resolver: server, server, clock },
        metrics: { expiring: (type, count) => (this.expiring[type] = count) },
        log: recorder(this.lines, 'agent'),
        random: typeof chance === 'number' ? seeded(chance) : () => chance.always,
        agentId: () => 'a-1',
      },
      { ...SVID_DEFAULTS, ...settings },
    );
    this.#running = this.room.run(this.#stop.signal);
  }
  stream(attributes: Attributes): FakeStream {
    return new FakeStream(this.room, attributes, this.clock);
  }
  /** Opens `count` streams of identities of their own and waits for their first SVIDs. */
  async streams(count: number): Promise<readonly FakeStream[]> {
    const streams = Array.from({ length: count }, (_, i) => this.stream(named(`w${i}`)));
    await this.clock.advance(1_000);
    return streams;
  }
  /** Aborts when the stage stops. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }
  messages(message: string): readonly Line[] {
    return this.lines.filter((line) => line.message === message);
  }
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
