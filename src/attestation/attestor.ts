import type { Attributes } from '../domain/attributes.js';
import type { PeerProcess } from '../domain/peer-process.js';

/** One way of finding out what a workload is. */
export interface Attestor {
  /** First segment of the names of its attributes: `linux`, `kubernetes`. */
  readonly name: string;
  /** As of the managed section now; one that is off is not asked. */
  enabled(): boolean;
  /**
   * What it finds out about `peer`; an attribute it cannot find out is absent. Throws or rejects when it could not look at all.
   * One that never waits answers at once, and the same object for the same answer, so that what follows from it is made once.
   */
  attest(peer: PeerProcess, signal: AbortSignal): Attributes | Promise<Attributes>;
}
