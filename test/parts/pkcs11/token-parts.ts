import {
  createPkcs11KeyManager,
  type Hashing,
} from '../../../server-stub/src/key-manager/pkcs11/pkcs11-key-manager.js';
import type { TokenPlace } from '../../../server-stub/src/key-manager/pkcs11/token-calls.js';
import { ModuleUsers } from '../../../server-stub/src/key-manager/pkcs11/module-users.js';
import { Token } from '../../../server-stub/src/key-manager/pkcs11/token.js';
import { WorkerLane } from '../../../server-stub/src/key-manager/pkcs11/worker-lane.js';
import { systemClock } from '../../../src/runtime/clock.js';

const users = new ModuleUsers();

export interface OpenToken extends TokenPlace {
  readonly pin: string | (() => string);
  readonly sessions?: number;
  readonly hashing?: Hashing;
  readonly deploymentId?: string;
}

/** A key manager over a real module, as the server has it. */
export function openToken({ pin, sessions = 4, hashing = 'here', deploymentId = 'tdd-1', ...place }: OpenToken) {
  const token = new Token({
    place,
    sessions,
    readPin: () => Promise.resolve(typeof pin === 'string' ? pin : pin()),
    startLane: () => new WorkerLane(),
    users,
    clock: systemClock,
    random: Math.random,
  });
  const manager = createPkcs11KeyManager({ token, owner: { trustDomainId: 'td-1', deploymentId }, hashing });
  return { manager, token };
}
