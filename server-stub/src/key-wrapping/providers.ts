import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { openLocalWrapper, type LocalWrapperOptions } from './local-wrapper.js';
import type { Wrapper } from './wrapper.js';

/** Every key-wrapping provider of this version. */
export const WRAPPERS = { local: openLocalWrapper } as const;

/** Configuration of a provider: its name in `provider`, and what it needs. */
export interface LocalWrapping extends LocalWrapperOptions {
  readonly provider: 'local';
}
export type Wrapping = LocalWrapping;

/** Providers that operators know by name and that this version does not have. */
const NOT_YET = ['awsKMS', 'azureManagedHSM', 'azureKeyVault', 'gcpCloudKMS'];

/** Throws INVALID_CONFIG unless `name` is a provider of this version. */
export function checkWrappingProvider(name: string): asserts name is keyof typeof WRAPPERS {
  if (Object.hasOwn(WRAPPERS, name)) return;
  throw new SpirlError(
    'INVALID_CONFIG',
    NOT_YET.includes(name)
      ? `key wrapping provider ${name} is not available in this version`
      : `unknown key wrapping provider ${JSON.stringify(name)}; known: ${Object.keys(WRAPPERS).join(', ')}`,
  );
}

/** Opens the configured wrapper. `provider` is checked again, as it may come from a file. */
export function openWrapper(wrapping: Wrapping): Promise<Wrapper> {
  checkWrappingProvider(wrapping.provider);
  return WRAPPERS[wrapping.provider](wrapping);
}
