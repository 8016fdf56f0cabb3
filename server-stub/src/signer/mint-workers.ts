import type { Clock } from 'spirl-agent/runtime/clock.js';
import { Alarm } from 'spirl-agent/runtime/alarm.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { SvidCaller } from '../domain/svid-caller.js';
import { packRequests, unpackResults } from './mint-batch.js';
import { CURRENT_ISSUER } from './mint-for-main.js';
import { MINT_LIMITS, type MintLimits } from './mint-limits.js';
import { MintLoad } from './mint-load.js';
import { MintThread, startThread, type StartThread, type Thread } from './mint-thread.js';
import { PlainMint, type Minted, type MintRequest } from './plain-mint.js';
import type { X509Signer } from './x509-signer.js';

export interface MintWorkersParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: { mintWorkerFailed(): void };
  /** The most; they are started when load asks for them. */
  readonly workers: number;
  /** SVIDs that wait to get here: whether there is work for more than the main thread. */
  readonly crowd: () => number;
  readonly limits?: MintLimits;
  readonly start?: StartThread;
}

/** One SVID that waits or is being minted. */
interface Job {
  readonly signer: X509Signer;
  readonly request: MintRequest;
  readonly now: number;
  readonly caller: SvidCaller;
  readonly resolve: (minted: Minted | undefined) => void;
  readonly reject: (error: unknown) => void;
}

const LOOK_EVERY_MS = 1_000;

/**
 * Mints X.509-SVIDs: on this thread while it can keep up, in batches on worker threads when keys are in memory and load asks for
 * them. What a worker cannot do, or had in its hands when it died, this thread does once more by itself.
 */
export class MintWorkers {
  readonly #parts: MintWorkersParts;
  readonly #limits: MintLimits;
  readonly #load: MintLoad;
  readonly #plain = new PlainMint();
  readonly #alarm = new Alarm();
  /** Read by all workers: see `mintForMain`. */
  readonly #shared = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #retired = new WeakSet<X509Signer>();
  #threads: readonly MintThread<Job>[] = [];
  #ready: readonly MintThread<Job>[] = [];
  #issuer: { readonly number: number; readonly signer: X509Signer } | undefined;
  #issuers = 0;
  #waiting: Job[] = [];
  /** For this thread alone, before all others: workers had their try. */
  #again: Job[] = [];
  #scheduled = false;
  #restUntil = -Infinity;

  constructor(parts: MintWorkersParts) {
    this.#parts = parts;
    this.#limits = parts.limits ?? MINT_LIMITS;
    this.#load = new MintLoad(this.#limits.perSecond);
  }

  /** Threads there are, also those that are starting. */
  get workers(): number {
    return this.#threads.length;
  }

  /** SVIDs that wait for a thread. */
  get waiting(): number {
    return this.#waiting.length + this.#again.length;
  }

  /** How many SVIDs keep all threads busy: more at once only wait here. */
  get places(): number {
    const { batch, batchesPerWorker, slice } = this.#limits;
    return this.#ready.length * batchesPerWorker * batch + slice;
  }

  /**
   * Mints one SVID as of `now`; undefined when `signer` was retired before it was done: nothing was issued.
   * Throws what `X509Signer.sign` throws, UNAVAILABLE when too many wait, and the reason of the caller's signal.
   */
  mint(
    signer: X509Signer,
    request: MintRequest,
    now: number,
    caller: SvidCaller,
  ): Minted | Promise<Minted | undefined> {
    if (!signer.isSynchronous) return this.#plain.mint(signer, request, now, caller.signal);
    if (signer.shared !== undefined && this.#threads.length < this.#parts.workers) this.#consider();
    if (this.#ready.length === 0 || signer.shared === undefined) return this.#plain.mintSync(signer, request, now);
    if (this.#waiting.length >= this.#limits.waiting) {
      return Promise.reject(new SpirlError('UNAVAILABLE', 'too many SVIDs are being minted: try again'));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ signer, request, now, caller, resolve, reject });
      this.#schedule();
    });
  }

  /** From now on nothing that this one signs leaves, and workers sign nothing more with it. */
  retire(signer: X509Signer): void {
    this.#retired.add(signer);
    if (this.#issuer?.signer !== signer) return;
    Atomics.store(this.#shared, CURRENT_ISSUER, 0);
    for (const thread of this.#ready) thread.tell({ is: 'retired', issuer: this.#issuer.number });
    this.#issuer = undefined;
  }

  /** Starts workers that load asks for and ends those that nobody needs, until `signal` aborts; then all end. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    for (;;) {
      await this.#alarm.wait(this.#threads.length === 0 ? Infinity : LOOK_EVERY_MS, clock, signal);
      if (signal.aborted) break;
      this.#tend(clock.monotonic());
    }
    for (const thread of this.#threads) this.#release(thread);
  }

  /** Whether it is time for workers, or for one in the place of another that failed. */
  #consider(): void {
    const { clock, crowd } = this.#parts;
    if (crowd() + this.#waiting.length < this.#limits.leastBatch) return;
    const now = clock.monotonic();
    if (this.#load.asksForWorkers(now) && now >= this.#restUntil) this.#alarm.ring();
  }

  #tend(now: number): void {
    const { idleMs, answerMs, startMs } = this.#limits;
    for (const thread of this.#threads) {
      const { busySince = now } = thread;
      if (!thread.isReady && now - thread.startedAt > startMs) this.#giveUp(thread, 'it did not start in time');
      else if (now - busySince > answerMs) this.#giveUp(thread, 'it does not answer');
      else if (thread.busy === 0 && now - thread.lastUsed > idleMs) this.#release(thread);
    }
    const asked = this.#load.asked;
    while (asked && now >= this.#restUntil && this.#threads.length < this.#parts.workers) this.#startThread(now);
    this.#load.heard();
  }

  #startThread(now: number): void {
    const { start = startThread } = this.#parts;
    let started: Thread;
    try {
      started = start(this.#shared);
    } catch (error) {
      this.#tellFailure(error instanceof Error ? error.message : String(error), []);
      return;
    }
    const thread: MintThread<Job> = new MintThread<Job>(
      started,
      {
        ready: () => this.#join(thread),
        minted: (jobs, results) => this.#minted(jobs, results),
        failed: (reason, jobs) => this.#failed(thread, reason, jobs),
      },
      now,
    );
    this.#threads = [...this.#threads, thread];
  }

  #join(thread: MintThread<Job>): void {
    if (this.#issuer !== undefined) introduce(thread, this.#issuer);
    this.#ready = [...this.#ready, thread];
    this.#parts.logger.debug('A mint worker has started', { workers: this.#ready.length });
  }

  /** Ends a thread in order; what it has in its hands is done here. */
  #release(thread: MintThread<Job>): void {
    this.#leave(thread);
    this.#again.push(...thread.end());
    this.#schedule();
  }

  #giveUp(thread: MintThread<Job>, reason: string): void {
    this.#failed(thread, reason, thread.end());
  }

  #failed(thread: MintThread<Job>, reason: string, jobs: readonly Job[]): void {
    this.#leave(thread);
    this.#tellFailure(reason, jobs);
    this.#again.push(...jobs);
    this.#schedule();
  }

  #tellFailure(reason: string, jobs: readonly Job[]): void {
    const { clock, logger, metrics } = this.#parts;
    this.#restUntil = clock.monotonic() + this.#limits.restMs;
    metrics.mintWorkerFailed();
    logger.warn('A mint worker failed; the main thread mints what it had in hand', { reason, svids: jobs.length });
  }

  #leave(thread: MintThread<Job>): void {
    this.#threads = this.#threads.filter((other) => other !== thread);
    this.#ready = this.#ready.filter((other) => other !== thread);
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length + this.#again.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
      this.#schedule();
    });
  }

  /** Batches for the workers; this thread takes a slice of what is left, so that no core is idle while somebody waits. */
  #turn(): void {
    const { leastBatch, slice } = this.#limits;
    for (let thread = this.#freest(); thread !== undefined; thread = this.#freest()) {
      if (this.#waiting.length < leastBatch) break;
      this.#give(thread);
    }
    const jobs = [...this.#again.splice(0, slice)];
    jobs.push(...this.#waiting.splice(0, slice - jobs.length));
    for (const job of jobs) if (this.#isWanted(job)) this.#mintHere(job);
  }

  #freest(): MintThread<Job> | undefined {
    let freest: MintThread<Job> | undefined;
    for (const thread of this.#ready)
      if (thread.busy < (freest?.busy ?? this.#limits.batchesPerWorker)) freest = thread;
    return freest;
  }

  #give(thread: MintThread<Job>): void {
    const { batch, leastBatch, batchesPerWorker } = this.#limits;
    const free = this.#ready.reduce((sum, { busy }) => sum + batchesPerWorker - busy, 0);
    const share = Math.max(leastBatch, Math.ceil(this.#waiting.length / free));
    const [first] = this.#waiting;
    // One issuer per batch: certificate and signature can then not be of two.
    const other = this.#waiting.findIndex(({ signer }) => signer !== first?.signer);
    const count = Math.min(batch, share, other < 0 ? Infinity : other);
    const jobs = this.#waiting.splice(0, count).filter((job) => this.#isWanted(job));
    if (first === undefined || jobs.length === 0) return;
    const issuer = this.#issuerOf(first.signer);
    thread.give(jobs, { issuer, requests: packRequests(jobs) }, this.#parts.clock.monotonic());
  }

  /** The number under which workers know `signer`; the one before it is none of theirs any more. */
  #issuerOf(signer: X509Signer): number {
    if (this.#issuer?.signer === signer) return this.#issuer.number;
    this.#issuer = { number: ++this.#issuers, signer };
    Atomics.store(this.#shared, CURRENT_ISSUER, this.#issuer.number);
    for (const thread of this.#ready) introduce(thread, this.#issuer);
    return this.#issuer.number;
  }

  #minted(jobs: readonly Job[], results: ArrayBuffer): void {
    const minted = unpackResults(results, jobs.length);
    jobs.forEach((job, index) => {
      const result = minted[index];
      if (!this.#isWanted(job)) result?.privateKey.fill(0);
      else if (result === undefined) this.#again.push(job);
      else job.resolve(result);
    });
    this.#schedule();
  }

  #mintHere(job: Job): void {
    try {
      job.resolve(this.#plain.mintSync(job.signer, job.request, job.now));
    } catch (error) {
      job.reject(error);
    }
  }

  /** False, and told so, when its caller has gone or its signer was retired. */
  #isWanted({ signer, caller, resolve, reject }: Job): boolean {
    if (caller.isGone) reject(caller.signal.reason);
    else if (this.#retired.has(signer)) resolve(undefined);
    else return true;
    return false;
  }
}

function introduce(
  thread: MintThread<Job>,
  { number, signer }: { readonly number: number; readonly signer: X509Signer },
): void {
  if (signer.shared !== undefined) thread.tell({ is: 'issuer', issuer: number, shared: signer.shared });
}
