import { rename, writeFile } from 'node:fs/promises';
import { Alarm } from 'spirl-agent/runtime/alarm.js';
import { certificatePem } from 'spirl-agent/runtime/certificate-facts.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { Latest } from 'spirl-agent/runtime/latest.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { TrustSnapshot } from './api/cluster-states.js';

const RETRY_MS = 10_000;

export interface PublishedFiles {
  /** Session CA certificates for agents that start, PEM. */
  readonly bootstrapFile: string;
  /** X.509 authorities of the trust domain, PEM. */
  readonly bundlePath: string;
}

/** Writes both files once. */
export async function publishFiles(files: PublishedFiles, { bundles, sessionCa }: TrustSnapshot): Promise<void> {
  const authorities = bundles.flatMap(({ x509Authorities }) => x509Authorities.map(({ certificate }) => certificate));
  await replace(files.bootstrapFile, sessionCa.map(certificatePem).join(''));
  await replace(files.bundlePath, authorities.map(certificatePem).join(''));
}

/** Keeps both files current until `signal` aborts. What cannot be written is told, and tried again. */
export async function keepFilesCurrent(
  files: PublishedFiles,
  trust: Latest<TrustSnapshot>,
  parts: { readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const changed = new Alarm();
  trust.subscribe(() => changed.ring(), signal);
  for (let wait = Infinity; !signal.aborted;) {
    await changed.wait(wait, parts.clock, signal);
    try {
      await publishFiles(files, trust.value);
      wait = Infinity;
    } catch (error) {
      parts.logger.error('the bundle files could not be written, will retry', { error });
      wait = RETRY_MS;
    }
  }
}

/** Readers see the old file or the new one, never half of it. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode: 0o644 });
  await rename(temporary, path);
}
