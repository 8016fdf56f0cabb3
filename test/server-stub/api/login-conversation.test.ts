import test from 'ava';
import { AgentSessionApi, type Attestation } from '../../../server-stub/src/api/agent-session.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import { loadService } from '../../../src/runtime/load-proto.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import type { RpcConversation } from '../../../src/runtime/rpc-method.js';
import { FakeCall } from '../../fakes/fake-call.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';

const login = loadService('spirl/agent/v1/session.proto', 'com.spirl.agent.v1.session.API').definition['Login'];
const message = (step: object): Buffer => login?.requestSerialize(step) ?? Buffer.alloc(0);
const HELLO = message({ hello: { clusterId: 'c-1', agentVersion: '1', csr: Buffer.from('csr'), nodeName: 'n' } });
const PROOF = message({ proof: { clusterVersionId: 'cv-1', signature: Buffer.from('right') } });

function scene() {
  const clock = new FakeClock();
  const recorded: string[] = [];
  let sign = (): void => {};
  const attestation: Attestation = {
    challenge: () => ({
      nonce: Buffer.from('nonce'),
      endpointName: 'server',
      prove: ({ signature }) => {
        if (Buffer.from(signature).toString() !== 'right') throw new SpirlError('UNAUTHENTICATED', 'not proven');
      },
    }),
  };
  const api = new AgentSessionApi({
    ...{ attestation, clock, logger: silentLogger, trustDomain: 'example.org', deploymentId: 'tdd-1' },
    certificates: {
      issueFor: async () => {
        await new Promise<void>((resolve) => (sign = resolve));
        return { certificate: Buffer.from('leaf'), notBefore: 1, notAfter: 2 };
      },
    },
    agents: {
      newAgentId: () => 'a-1',
      clusterName: () => 'fleet',
      recordLogin: ({ id }) => Promise.resolve(void recorded.push(id)),
      recordRenewal: () => Promise.resolve(),
    },
    authenticate: () => Promise.reject(new Error('not asked')),
    sessionCa: { value: { certificates: [] } },
  });
  const [, method] = api.methods().login;
  const open = () => {
    if (method.type !== 'bidi_stream') throw new Error('no conversation');
    const opened: { conversation?: RpcConversation } = {};
    const call = new FakeCall({}, () => opened.conversation?.over());
    const conversation = (opened.conversation = method.open(call));
    const answers = (): (string | undefined)[] =>
      call.frames.map((frame) => (login?.responseDeserialize(frame.subarray(5)) as { step: string } | undefined)?.step);
    return { call, conversation, answers };
  };
  return { clock, recorded, open, sign: () => sign() };
}

test('hello, challenge, proof, grant: and the call ends', async (t) => {
  const { recorded, open, sign } = scene();
  const { call, conversation, answers } = open();
  t.is(conversation.message(HELLO), undefined);
  const proven = conversation.message(PROOF);
  await flush();
  sign();
  await proven;
  t.deepEqual(answers(), ['challenge', 'grant']);
  t.deepEqual([call.outcome, recorded], ['OK', ['a-1']]);
});

test('steps come in their order or not at all', async (t) => {
  const { open, recorded } = scene();
  t.throws(() => open().conversation.message(PROOF), { message: 'a login begins with hello' });
  const { conversation } = open();
  t.throws(() => conversation.halfClosed(), { message: 'the login was not finished' });
  void conversation.message(HELLO);
  await t.throwsAsync(async () => conversation.message(HELLO), { message: 'a challenge is answered with proof' });
  const wrong = message({ proof: { clusterVersionId: 'cv-1', signature: Buffer.from('wrong') } });
  await t.throwsAsync(async () => conversation.message(wrong), { code: 'UNAUTHENTICATED' });
  t.deepEqual(recorded, []);
});

test('an agent that goes before its grant is not recorded', async (t) => {
  const { recorded, open, sign } = scene();
  const { call, conversation } = open();
  void conversation.message(HELLO);
  const proven = conversation.message(PROOF);
  await flush();
  call.fail(new Error('reset'));
  sign();
  await t.throwsAsync(async () => proven, { message: 'the agent has gone' });
  t.deepEqual(recorded, []);
});

test('a login has half a minute', async (t) => {
  const { clock, open } = scene();
  const { call, conversation } = open();
  void conversation.message(HELLO);
  await clock.advance(29_999);
  t.false(call.isGone);
  await clock.advance(1);
  t.like(call.outcome, { code: 'DEADLINE_EXCEEDED', message: 'the login took longer than 30 s' });
  t.is(clock.sleeping, 0);
});

test('256 logins may be under way, and when one has ended there is room again', async (t) => {
  const { clock, open } = scene();
  const logins = Array.from({ length: 256 }, open);
  t.throws(open, { code: 'LIMIT_REACHED', message: /too many logins are under way/ });
  logins[0]?.call.fail(new Error('reset'));
  t.notThrows(open);
  t.throws(open, { code: 'LIMIT_REACHED' });
  for (const { call } of logins) call.fail(new Error('reset'));
  await flush();
  t.true(clock.sleeping <= 1);
});
