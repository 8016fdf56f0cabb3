import { Alarm } from '../runtime/alarm.js';
import type { Clock } from '../runtime/clock.js';
import type { Acknowledge } from './issuer.js';

/** Shortest time between two reports of changed counts. */
const REPORT_EVERY_MS = 1_000;

/** Tells the server which trust state has reached all streams, and how many SVIDs of each keyset are held. */
export class Holdings {
  readonly #alarm = new Alarm();
  readonly #server: Acknowledge;
  readonly #counts: () => Readonly<Record<string, number>>;
  readonly #clock: Clock;
  #version = 0;
  #told = '';

  constructor(server: Acknowledge, counts: () => Readonly<Record<string, number>>, clock: Clock) {
    this.#server = server;
    this.#counts = counts;
    this.#clock = clock;
  }

  /** Trust state `version` is with all streams: told at once, somebody may be waiting for it. */
  pushed(version: number): void {
    this.#version = version;
    this.#tell(this.#counts());
  }

  /** SVIDs have come or gone. */
  changed(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#alarm.wait(Infinity, this.#clock, signal);
      if (signal.aborted) return;
      const counts = this.#counts();
      if (this.#version > 0 && textOf(counts) !== this.#told) this.#tell(counts);
      await this.#clock.sleep(REPORT_EVERY_MS, signal);
    }
  }

  #tell(counts: Readonly<Record<string, number>>): void {
    this.#told = textOf(counts);
    this.#server.acknowledge(this.#version, counts);
  }
}

function textOf(counts: Readonly<Record<string, number>>): string {
  return JSON.stringify(Object.entries(counts).sort());
}
