import { openHsmWrapper, type HsmWrapperOptions } from './hsm-wrapper.js';
import { openKmsWrapper, type KmsWrapperOptions } from './kms-wrapper.js';
import { openLocalWrapper, type LocalWrapperOptions } from './local-wrapper.js';
import type { Wrapper } from './wrapper.js';

/** Every key-wrapping provider, by its name in records. */
export const WRAPPERS = {
  local: openLocalWrapper,
  awsKMS: openKmsWrapper,
  azureManagedHSM: openHsmWrapper,
} as const;

/** Configuration of a provider: its name in `provider`, and what it needs. */
export type Wrapping =
  | ({ readonly provider: 'local' } & LocalWrapperOptions)
  | ({ readonly provider: 'awsKMS' } & KmsWrapperOptions)
  | ({ readonly provider: 'azureManagedHSM' } & HsmWrapperOptions);

/** Opens the configured wrapper; services are not called yet (`trial.ts`). */
export async function openWrapper(wrapping: Wrapping): Promise<Wrapper> {
  switch (wrapping.provider) {
    case 'local':
      return WRAPPERS.local(wrapping);
    case 'awsKMS':
      return WRAPPERS.awsKMS(wrapping);
    case 'azureManagedHSM':
      return WRAPPERS.azureManagedHSM(wrapping);
  }
}
