import test from 'ava';
import { framed } from '../../../src/runtime/grpc-frame.js';
import { loadService } from '../../../src/runtime/load-proto.js';
import { createStateEncoder, syncState } from '../../../server-stub/src/api/messages.js';
import { trustAt } from '../../fakes/agents-endpoint.js';

const { definition } = loadService('spirl/agent/v1/agent.proto', 'com.spirl.agent.v1.agent.API');
const VIEW = {
  policy: { version: 2 ** 47 + 1, reads: ['linux.user.id', 'linux.*'] },
  sections: { A: { b: [1] }, C: {} },
};

test('a state encoded once, with each version in front and framed, has the bytes of the whole message', (t) => {
  const plain = definition['SyncTrustBundles']?.responseSerialize as (message: object) => Buffer;
  let encodings = 0;
  const encode = createStateEncoder((message) => {
    encodings++;
    return plain(message);
  });
  const states = [1, 7].map((revision) => syncState({ ...trustAt(3, revision), ...VIEW }));
  for (const state of states) {
    for (const version of [1, 2, 127, 128, 129, 16_383, 16_384, 2 ** 31, 2 ** 32 + 5, 2 ** 53 - 1]) {
      t.deepEqual(encode({ version, state }), framed(plain({ version, ...state })), `version ${version}`);
    }
  }
  t.is(encodings, states.length);
});

test('streams at the same version send the same frame, and only a few are kept', (t) => {
  const encode = createStateEncoder(() => Buffer.from('state'));
  const state = {};
  t.is(encode({ version: 3, state }), encode({ version: 3, state }));
  t.not(encode({ version: 3, state: {} }), encode({ version: 3, state }));
  for (let version = 100; version < 200; version++) encode({ version, state });
  t.not(encode({ version: 999, state }), encode({ version: 999, state }));
});
