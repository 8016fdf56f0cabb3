import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { AcmPcaFactory } from './aws-pca/acm-pca-api.js';

/** Files that managed configuration may name. */
export interface ReadsFiles {
  /** Why a path must not be named; undefined when it may. */
  problem(path: string): string | undefined;
  /** Text, read anew. Throws INVALID_CONFIG. */
  read(path: string): Promise<string>;
}

/** What this server's own configuration allows managed sections to name. */
export interface Declared {
  readonly files: Pick<ReadsFiles, 'problem'>;
  /** Hosts, or `host:port`. */
  readonly webhookHosts: readonly string[];
}

/** What upstream authorities need of the rest of the server. */
export interface UpstreamParts extends Declared {
  readonly clock: Clock;
  readonly files: ReadsFiles;
  readonly acmPca: AcmPcaFactory;
}
