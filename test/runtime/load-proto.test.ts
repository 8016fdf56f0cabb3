import { loadPackageDefinition, type GrpcObject, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import test from 'ava';
import { loadService } from '../../src/runtime/load-proto.js';
import { protoRoot } from '../../src/runtime/proto-root.js';

const SERVICES = [
  { file: 'spiffe/workload.proto', name: 'SpiffeWorkloadAPI' },
  { file: 'spirl/agent/v1/session.proto', name: 'com.spirl.agent.v1.session.API' },
  { file: 'spirl/agent/v1/agent.proto', name: 'com.spirl.agent.v1.agent.API' },
  { file: 'spirl/admin/v1/keyset.proto', name: 'com.spirl.api.v1.trustdomain.API' },
] as const;

const PLAIN = {
  longs: Number,
  enums: String,
  bytes: Buffer,
  defaults: true,
  arrays: true,
  objects: true,
  oneofs: true,
};

function plainly(file: string, name: string): ServiceClientConstructor {
  const root = loadPackageDefinition(loadSync(file, { ...PLAIN, includeDirs: [protoRoot()] }));
  const at = name.split('.').reduce<GrpcObject>((found, part) => found[part] as GrpcObject, root);
  return at as unknown as ServiceClientConstructor;
}

/** Something in every kind of field. */
const MESSAGES: Readonly<Record<string, object>> = {
  SyncTrustBundles: {
    version: 2 ** 40 + 1,
    bundles: [
      { trustDomain: 'a.b', sequence: 3, x509Authorities: [Buffer.of(1, 2)], jwtAuthorities: [{ keyId: 'k' }] },
    ],
    deployments: [{ deploymentId: 'd', epoch: 1, revision: 2, keysets: [{ id: 'ks', state: 'ACTIVE' }] }],
    policy: { version: 7, reads: ['x'] },
    sections: { A: '{}' },
  },
  FetchX509SVID: {
    svids: [{ spiffeId: 'spiffe://a/b', x509Svid: Buffer.alloc(300, 5) }],
    federatedBundles: { c: Buffer.of(9) },
  },
  ValidateJWTSVID: {
    spiffeId: 'spiffe://a/b',
    claims: { fields: { aud: { stringValue: 'x' }, n: { numberValue: 1.5 } } },
  },
};

for (const { file, name } of SERVICES) {
  test(`${name}: methods, bytes and messages are those of @grpc/proto-loader`, (t) => {
    const [own, plain] = [loadService(file, name), plainly(file, name)];
    t.deepEqual(Object.keys(own.definition), Object.keys(plain.service));
    for (const [method, definition] of Object.entries(own.definition)) {
      const expected = plain.service[method];
      if (expected === undefined) throw new Error('unreachable: compared above');
      t.is(definition.path, expected.path);
      t.deepEqual(
        [definition.requestStream, definition.responseStream],
        [expected.requestStream, expected.responseStream],
      );
      t.deepEqual(definition.requestDeserialize(Buffer.alloc(0)), expected.requestDeserialize(Buffer.alloc(0)));
      const bytes = definition.responseSerialize(MESSAGES[method] ?? {});
      t.deepEqual(bytes, expected.responseSerialize(MESSAGES[method] ?? {}));
      t.deepEqual(definition.responseDeserialize(bytes), expected.responseDeserialize(bytes));
    }
    t.is(own.client.serviceName, plain.serviceName);
  });
}

test('a service that the file does not define is told by its name', (t) => {
  t.throws(() => loadService('spiffe/workload.proto', 'a.B'), { message: /a\.B/ });
});
