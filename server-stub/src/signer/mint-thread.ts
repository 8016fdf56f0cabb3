import { Worker } from 'node:worker_threads';
import type { FromWorker, ToWorker } from './mint-batch.js';

/** What is used of a thread; a `Worker` unless a test says otherwise. */
export interface Thread {
  on(event: 'message', listener: (message: FromWorker) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  postMessage(message: ToWorker): void;
  terminate(): Promise<unknown>;
}

/** Starts a thread that looks into `shared` before each signature. */
export type StartThread = (shared: Int32Array) => Thread;

/** A thread of its own environment: it needs none of the process's. */
export const startThread: StartThread = (shared) => {
  const worker = new Worker(new URL('./worker/main.js', import.meta.url), {
    workerData: shared,
    env: {},
    name: 'mint',
  });
  // Whoever waits for an SVID has a connection that keeps the program alive.
  worker.unref();
  return worker;
};

/** One batch in a worker's hands. */
interface InHand<Job> {
  readonly jobs: readonly Job[];
  /** Monotonic milliseconds. */
  readonly since: number;
}

export interface MintThreadEvents<Job> {
  ready(): void;
  minted(jobs: readonly Job[], results: ArrayBuffer): void;
  /** It is gone by itself, with these in its hands. */
  failed(reason: string, jobs: readonly Job[]): void;
}

/** A mint worker as the main thread sees it: what it was given and when. */
export class MintThread<Job> {
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  #lastUsed: number;
  #ready = false;
  #over = false;
  readonly #thread: Thread;
  readonly #events: MintThreadEvents<Job>;
  readonly #inHand = new Map<number, InHand<Job>>();
  #batches = 0;

  constructor(thread: Thread, events: MintThreadEvents<Job>, now: number) {
    this.startedAt = now;
    this.#lastUsed = now;
    this.#thread = thread;
    this.#events = events;
    thread.on('message', (message) => this.#heard(message));
    thread.on('error', (error) => this.#lost(error.message));
    thread.on('exit', () => this.#lost('it ended'));
  }

  get isReady(): boolean {
    return this.#ready;
  }
  /** Batches in its hands. */
  get busy(): number {
    return this.#inHand.size;
  }
  get lastUsed(): number {
    return this.#lastUsed;
  }
  /** Since when the oldest batch is in its hands. */
  get busySince(): number | undefined {
    return this.#inHand.values().next().value?.since;
  }

  tell(message: Exclude<ToWorker, { is: 'batch' }>): void {
    this.#thread.postMessage(message);
  }

  give(jobs: readonly Job[], batch: Omit<Extract<ToWorker, { is: 'batch' }>, 'is' | 'batch'>, now: number): void {
    const number = ++this.#batches;
    this.#lastUsed = now;
    this.#inHand.set(number, { jobs, since: now });
    this.#thread.postMessage({ is: 'batch', batch: number, ...batch });
  }

  /** Ends it; nothing more is heard of it. Returns what was in its hands. */
  end(): readonly Job[] {
    this.#over = true;
    const jobs = this.#takeAll();
    void this.#thread.terminate();
    return jobs;
  }

  #heard(message: FromWorker): void {
    if (this.#over) return;
    if (message.is === 'ready') {
      this.#ready = true;
      this.#events.ready();
      return;
    }
    const held = this.#inHand.get(message.batch);
    this.#inHand.delete(message.batch);
    if (held !== undefined) this.#events.minted(held.jobs, message.results);
  }

  #lost(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.failed(reason, this.#takeAll());
  }

  #takeAll(): readonly Job[] {
    const jobs = [...this.#inHand.values()].flatMap((held) => held.jobs);
    this.#inHand.clear();
    return jobs;
  }
}
