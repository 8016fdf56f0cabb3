import type { Cryptoki } from '../../../../server-stub/src/key-manager/pkcs11/cryptoki.js';
import {
  createPkcs11KeyManager,
  type Hashing,
} from '../../../../server-stub/src/key-manager/pkcs11/pkcs11-key-manager.js';
import { Token } from '../../../../server-stub/src/key-manager/pkcs11/token.js';
import type { AnswerTo, Lane, TokenCall } from '../../../../server-stub/src/key-manager/pkcs11/token-calls.js';
import { faultOf, TokenError } from '../../../../server-stub/src/key-manager/pkcs11/token-failure.js';
import { TokenSession } from '../../../../server-stub/src/key-manager/pkcs11/token-session.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { FakeCryptoki, type FakeModule } from '../../../fakes/fake-cryptoki.js';

/** A session in this thread. */
export class DirectLane implements Lane {
  readonly #session: TokenSession;
  ended = false;
  /** Resolves before each call, so that tests can hold calls up. */
  gate: () => Promise<void> = () => Promise.resolve();

  constructor(cryptoki: Cryptoki) {
    this.#session = new TokenSession(cryptoki);
  }

  async call<C extends TokenCall>(call: C): Promise<AnswerTo<C>> {
    await this.gate();
    if (this.ended) throw new TokenError({ fate: 'lost', reason: 'the thread of the module ended' });
    try {
      return this.#session.carryOut(call);
    } catch (error) {
      throw new TokenError(faultOf(error));
    }
  }

  close(): void {
    this.ended = true;
  }
}

/** A key manager over a module in memory; `pin` is what the file holds. */
export function tokenOf(
  module: FakeModule,
  options: { sessions?: number; hashing?: Hashing; deploymentId?: string; label?: string } = {},
) {
  const clock = new FakeClock();
  const pin = { value: module.pin };
  const lanes: DirectLane[] = [];
  const startLane = (): Lane => {
    const lane = new DirectLane(new FakeCryptoki(module));
    lanes.push(lane);
    return lane;
  };
  const token = new Token({
    place: { modulePath: '/usr/lib/module.so', tokenLabel: options.label ?? module.label },
    sessions: options.sessions ?? 2,
    readPin: () => Promise.resolve(pin.value),
    startLane,
    users: module.users,
    clock,
    random: () => 0.5,
  });
  const owner = { trustDomainId: 'td-1', deploymentId: options.deploymentId ?? 'tdd-1' };
  const manager = createPkcs11KeyManager({ token, owner, hashing: options.hashing ?? 'here' });
  return { manager, token, clock, pin, lanes };
}
