import test from 'ava';
import { codecOf, unaryMethod } from '../../../server-stub/src/api/rpc-methods.js';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { loadService } from '../../../src/runtime/load-proto.js';
import { FakeCall } from '../../fakes/fake-call.js';

const { definition } = loadService('spirl/agent/v1/session.proto', 'com.spirl.agent.v1.session.API');

test('a unary method reads its request and answers in a frame', async (t) => {
  const codec = codecOf<{ agentVersion: string }, object>(definition, 'Renew');
  const [path, method] = unaryMethod(codec, ({ agentVersion }) => Promise.resolve({ agentId: `a-${agentVersion}` }));
  t.is(path, '/com.spirl.agent.v1.session.API/Renew');
  if (method.type !== 'unary') return t.fail();
  const request = definition['Renew']?.requestSerialize({ agentVersion: 'x' }) ?? Buffer.alloc(0);
  const answer = await method.serve(request, new FakeCall({}));
  t.deepEqual(answer, framed(Buffer.from('\n\u0003a-x')));
});

test('bytes that are no message are the caller’s fault', async (t) => {
  const [, method] = unaryMethod(codecOf<object, object>(definition, 'Renew'), () => Promise.resolve({}));
  if (method.type !== 'unary') return t.fail();
  const wrong = method.serve(Buffer.from([0x0a, 0xff]), new FakeCall({}));
  await t.throwsAsync(wrong, { code: 'INVALID_REQUEST', message: /no message of the expected type/ });
});

test('a method that the API does not have is no method', (t) => {
  t.throws(() => codecOf(definition, 'Nothing'), { message: 'the API has no method Nothing' });
});
