import type { Effort } from '../row.js';
import { TrustDomain } from './trust-domain.js';

/** A server that the rows of a quick run use one after the other: to start one for each takes as long as most of them. */
export class SharedDomain {
  #started: Promise<TrustDomain> | undefined;

  domain(): Promise<TrustDomain> {
    this.#started ??= TrustDomain.start();
    return this.#started;
  }

  async stop(): Promise<void> {
    await (await this.#started)?.stop();
  }
}

/** The trust domain of a row: its own, unless the run shares one. */
export function openDomain({ shared, profiling }: Effort): Promise<TrustDomain> {
  return shared?.domain() ?? TrustDomain.start(profiling);
}

/** The row has ended. */
export async function leaveDomain(domain: TrustDomain, { shared }: Effort): Promise<void> {
  await (shared === undefined ? domain.stop() : domain.stopAgents());
}
