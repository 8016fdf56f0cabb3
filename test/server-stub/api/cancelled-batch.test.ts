import test from 'ava';
import { issuanceMethods } from '../../../server-stub/src/api/agent-issuance.js';
import { IssuanceQueue } from '../../../server-stub/src/api/agent-issuance-queue.js';
import type { SvidCaller } from '../../../server-stub/src/domain/svid-caller.js';
import { ENDED } from '../../../src/runtime/ended.js';
import { loadService } from '../../../src/runtime/load-proto.js';
import { aborted } from '../../../src/runtime/task-group.js';
import { FakeCall } from '../../fakes/fake-call.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';
import { session } from '../issuance/issuance-of.js';

const { definition } = loadService('spirl/agent/v1/agent.proto', 'com.spirl.agent.v1.agent.API');
const never = (): Promise<never> => new Promise(() => {});

/** A batch of three whose signer does `sign`, called by `call`; what was unexpected. */
async function batch(call: FakeCall, sign: (caller: SvidCaller) => Promise<never>): Promise<readonly unknown[]> {
  const unexpected: unknown[] = [];
  const methods = issuanceMethods(definition, {
    issuance: {
      issueX509Svid: (_session, _item, caller) => sign(caller),
      issueJwtSvid: never,
      resolveIdentity: never,
    },
    authenticate: () => Promise.resolve(session),
    queue: new IssuanceQueue({ clock: new FakeClock(), metrics: { issuanceRefused: () => {} } }),
    onUnexpected: (error) => unexpected.push(error),
  });
  const [path, method] = methods[0] ?? [];
  if (path === undefined || method?.type !== 'unary') throw new Error('no MintX509SVIDs');
  const bytes = definition['MintX509SVIDs']?.requestSerialize({ items: [{}, {}, {}] }) ?? Buffer.alloc(0);
  const answered = method.serve(bytes, call);
  await flush();
  call.fail(ENDED);
  await answered;
  return unexpected;
}

test('a batch whose caller goes while it is signed is nothing that was unexpected', async (t) => {
  const signing = async ({ signal }: SvidCaller): Promise<never> => {
    await aborted(signal);
    throw signal.reason;
  };
  t.deepEqual(await batch(new FakeCall({}), signing), []);
});

test('a mistake while it is signed is told, though its caller has gone', async (t) => {
  const mistake = new TypeError('x is undefined');
  const signing = async ({ signal }: SvidCaller): Promise<never> => {
    await aborted(signal);
    throw mistake;
  };
  t.deepEqual(await batch(new FakeCall({}), signing), [mistake, mistake, mistake]);
});
