import { canonicalAttributes, type Attributes } from '../domain/attributes.js';
import type { PeerProcess } from '../domain/peer-process.js';
import type { Clock } from '../runtime/clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { SpirlError } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';
import { madeOnce } from '../runtime/made-once.js';
import { acceptableAttributes } from './acceptable-attributes.js';
import type { Attestor } from './attestor.js';

export interface WorkloadAttestation {
  /**
   * What all attestors together know about the process. Throws NOT_AUTHORIZED when it is gone or no longer itself, UNAVAILABLE
   * when no attestor could look.
   */
  attest(peer: PeerProcess, signal: AbortSignal): Promise<Attributes>;
}

/** Told of each answer of each attestor. */
export interface AttestationMetrics {
  attested(attestor: string, outcome: 'ok' | 'failed', seconds: number): void;
}

export interface WorkloadAttestationParts {
  readonly attestors: readonly Attestor[];
  /** Each attestor's own bound, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AttestationMetrics;
}

/** Attestors are asked side by side; one that fails or hangs does not take the others with it. */
export function createWorkloadAttestation(parts: WorkloadAttestationParts): WorkloadAttestation {
  const acceptable = madeOnce(acceptableAttributes);
  const canonical = madeOnce((attributes: Attributes) => canonicalAttributes(attributes));
  return {
    attest: async (peer, signal) => {
      const asked = parts.attestors.filter((attestor) => attestor.enabled());
      const answers = await Promise.all(asked.map((attestor) => ask(attestor, peer, parts, acceptable, signal)));
      signal.throwIfAborted();
      // Only what was read of a process that is still the caller's is about the caller.
      peer.verify();
      const known = answers.filter((answer) => answer !== undefined);
      if (asked.length > 0 && known.length === 0) {
        throw new SpirlError('UNAVAILABLE', 'the workload could not be attested');
      }
      const [first] = known;
      return first !== undefined && known.length === 1 ? canonical(first, undefined) : canonicalAttributes(...known);
    },
  };
}

/** `undefined`: the attestor failed, which is logged and counted here. */
async function ask(
  attestor: Attestor,
  peer: PeerProcess,
  { timeoutMs, clock, logger, metrics }: WorkloadAttestationParts,
  acceptable: (attributes: Attributes, under: undefined) => ReturnType<typeof acceptableAttributes>,
  signal: AbortSignal,
): Promise<Attributes | undefined> {
  const startedAt = clock.monotonic();
  const seconds = (): number => (clock.monotonic() - startedAt) / 1000;
  try {
    const late = `no answer within ${timeoutMs} ms`;
    const asked = attestor.attest(peer, signal);
    const found = asked instanceof Promise ? await withDeadline(() => asked, timeoutMs, late, clock, signal) : asked;
    metrics.attested(attestor.name, 'ok', seconds());
    const { accepted, dropped } = acceptable(found, undefined);
    for (const { attribute, reason } of dropped) {
      logger.warn('Attribute dropped', { attestor: attestor.name, attribute, reason, pid: peer.pid });
    }
    return accepted;
  } catch (error) {
    // A caller that left is no failure of the attestor.
    if (signal.aborted) return undefined;
    metrics.attested(attestor.name, 'failed', seconds());
    logger.warn('Attestor failed', { attestor: attestor.name, pid: peer.pid, error });
    return undefined;
  }
}
