import type { TrustDomain } from './trust-domain.js';

const DEPLOYMENT = { trustDomain: 'bench.test', deploymentName: 'bench' };

/** The steps of a rotation that come before and after the taint, so that the taint can be timed by itself. */
export class Rotation {
  readonly #domain: TrustDomain;
  #active: string | undefined;

  constructor(domain: TrustDomain) {
    this.#domain = domain;
  }

  /** Prepares a keyset and activates it. The one that signed until now is what `taint` and `remove` are about. */
  async replaceActive(): Promise<void> {
    const { admin } = this.#domain;
    const { signingAuthorityStatuses } = await admin.call('trustdomain.TrustDomainSigningAuthorityStatus', DEPLOYMENT);
    const keys = signingAuthorityStatuses.flatMap(({ signingKeys }) => signingKeys);
    this.#active = keys.find(({ state }) => state === 'STATE_ACTIVE')?.keyId;
    const { keySetId } = await admin.call('trustdomain.PrepareDeploymentKeySet', { deployment: DEPLOYMENT });
    await admin.call('trustdomain.ActivateDeploymentKeySet', { deployment: DEPLOYMENT, keySetId });
  }

  /** Resolves when every connected agent has acknowledged the taint. */
  async taint(): Promise<void> {
    await this.#domain.admin.call('trustdomain.TaintDeploymentKeySet', this.#step());
  }

  async remove(): Promise<void> {
    await this.#domain.admin.call('trustdomain.RemoveDeploymentKeySet', this.#step());
  }

  #step(): { deployment: typeof DEPLOYMENT; keySetId: string } {
    if (this.#active === undefined) throw new Error('nothing has been replaced');
    return { deployment: DEPLOYMENT, keySetId: this.#active };
  }
}
