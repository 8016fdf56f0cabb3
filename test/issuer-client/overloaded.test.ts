import { status } from '@grpc/grpc-js';
import test from 'ava';
import { failedItem } from '../../server-stub/src/api/messages.js';
import { Overloaded } from '../../src/domain/overloaded.js';
import { SpirlError } from '../../src/runtime/errors.js';
import { itemError } from '../../src/issuer-client/messages.js';
import { MintX509Response } from '../../src/issuer-client/wire-messages.js';
import { loadService } from '../../src/runtime/load-proto.js';

const { definition } = loadService('spirl/agent/v1/agent.proto', 'com.spirl.agent.v1.agent.API');

/** An item's failure as the agent sees it, over the wire. */
function heard(error: unknown): SpirlError | undefined {
  const method = definition['MintX509SVIDs'];
  const bytes = method?.responseSerialize({ results: [failedItem(error, () => {})] }) ?? Buffer.alloc(0);
  return itemError(MintX509Response.decode(bytes).results[0]?.status);
}

test('an agent hears when it is worth asking a busy server again', (t) => {
  const error = heard(new Overloaded('the server is busy', 4_000));
  t.true(error instanceof Overloaded);
  t.like(error, { code: 'CANNOT_ISSUE', message: 'the server is busy', retryAfterMs: 4_000 });
});

test('of other failures nothing is said about when', (t) => {
  t.false(heard(new SpirlError('UNAVAILABLE', 'no keyset can sign yet')) instanceof Overloaded);
  t.like(heard(new SpirlError('LIMIT_REACHED', 'too many')), { code: 'LIMIT_REACHED' });
});

test('that a server cannot issue is told on the wire as UNAVAILABLE', (t) => {
  t.is(failedItem(new Overloaded('x', 1), () => {}).status.code, status.UNAVAILABLE);
});
