import type { KeyManager } from '../../../server-stub/src/domain/key-manager.js';
import { createAwsKmsKeyManager } from '../../../server-stub/src/key-manager/aws-kms/aws-kms-key-manager.js';
import { createSealedKeyManager } from '../../../server-stub/src/key-manager/sealed-key-manager.js';
import type { KeyManagers } from '../../../server-stub/src/keyset/keyset-parts.js';
import { rawFromDer } from '../../../server-stub/src/signer/ecdsa-signature.js';
import { FakeKms } from '../../fakes/fake-kms.js';
import type { MemoryFileSystem } from '../../fakes/memory-file-system.js';
import { openDeployment, type Deployment, type Options } from './deployment.js';

const owner = { trustDomainId: 'td-1', deploymentId: 'tdd-1' };
/** Two services and the store; `next` says where new keys are made. Each open has managers that know nothing of the past. */
export class Services {
  readonly kms = { europe: new FakeKms(), america: new FakeKms() };
  next: 'sealed' | 'europe' | 'america' = 'europe';

  open(options: Omit<Options, 'parts'> = {}): Promise<Deployment> {
    const made = new Map<string, KeyManager>();
    let sealed: KeyManager | undefined;
    const managerOf = (region: string): KeyManager => {
      const api = this.kms[region as 'europe' | 'america'];
      const manager = made.get(region) ?? createAwsKmsKeyManager({ api, owner, keyTags: {}, rawFromDer });
      made.set(region, manager);
      return manager;
    };
    const keyManagers = (store: Deployment['store'], sealer: Deployment['sealer']): KeyManagers => {
      const own = (sealed ??= createSealedKeyManager({ store, sealer }));
      return {
        next: () =>
          Promise.resolve(
            this.next === 'sealed'
              ? { custody: 'sealed', manager: own, keyType: 'EC-P256' }
              : {
                  custody: 'awsKMS',
                  custodySettings: { region: this.next },
                  manager: managerOf(this.next),
                  keyType: 'EC-P256',
                },
          ),
        holder: ({ custody, custodySettings }) =>
          Promise.resolve(custody === 'sealed' ? own : managerOf(String(custodySettings?.['region']))),
        settle: () => Promise.resolve(),
      };
    };
    return openDeployment({ ...options, keyManagers });
  }

  /** From now on only a process whose disk is alive reaches the services. */
  dieWith(files: MemoryFileSystem): void {
    for (const api of Object.values(this.kms)) {
      api.fault = () => {
        if (files.diedIn !== '') throw new Error('dead');
      };
    }
  }

  survive(): void {
    for (const api of Object.values(this.kms)) api.fault = () => {};
  }

  living(): string[] {
    return [...this.kms.europe.living(), ...this.kms.america.living()].sort();
  }
}

/** Ids of the keysets whose keys are in no store of ours. */
export const outside = ({ service }: Deployment): string[] =>
  service.state.value.ring.keysets
    .filter(({ custody }) => custody !== 'sealed')
    .map(({ id }) => id)
    .sort();
