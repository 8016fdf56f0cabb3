import { status } from '@grpc/grpc-js';
import { parseEndpointSocket } from '../../src/runtime/endpoint-socket.js';
import { expect, expectCode, PROPER_REQUESTS, x509Svids, type ClauseTest, type Subject } from './clause.js';
import { PROPER_HEADER, type Headers } from './endpoint-under-test.js';
import { serviceMethods } from './file-descriptor.js';

const WRONG_HEADERS: readonly { readonly what: string; readonly headers: Headers }[] = [
  { what: 'no header', headers: {} },
  { what: 'the value True', headers: { 'workload.spiffe.io': 'True' } },
  { what: 'the value TRUE', headers: { 'workload.spiffe.io': 'TRUE' } },
  { what: 'the value 1', headers: { 'workload.spiffe.io': '1' } },
  { what: 'an empty value', headers: { 'workload.spiffe.io': '' } },
  { what: 'the value false', headers: { 'workload.spiffe.io': 'false' } },
  { what: 'another key', headers: { 'broker.spiffe.io': 'true' } },
];

/** Names of the standard, newest edition; a Workload API may have some of them and no other. */
const STANDARD_METHODS = [...Object.keys(PROPER_REQUESTS), 'FetchWITSVID', 'FetchWITBundles'];

const headerTests = WRONG_HEADERS.map(({ what, headers }): ClauseTest => ({
  clause: 'EP-4',
  level: 'MUST',
  shows: `every method refuses ${what} with INVALID_ARGUMENT`,
  run: async ({ endpoint }) => {
    for (const [method, request] of Object.entries(PROPER_REQUESTS)) {
      expectCode(await endpoint.refusal(method, request, headers), status.INVALID_ARGUMENT);
    }
  },
}));

/** Methods of the Workload API as reflection shows them. */
async function reflectedMethods(subject: Subject, version: 'v1' | 'v1alpha'): Promise<string[]> {
  const answer = await reflect(subject, version, { fileContainingSymbol: 'SpiffeWorkloadAPI' });
  const files = answer.fileDescriptorResponse?.fileDescriptorProto ?? [];
  return files.flatMap((file) => serviceMethods(file, 'SpiffeWorkloadAPI'));
}

async function reflect({ endpoint }: Subject, version: 'v1' | 'v1alpha', question: object) {
  const stream = endpoint.reflect(version, question);
  const answer = await stream.next(5_000);
  stream.cancel();
  expect(answer !== undefined, `grpc.reflection.${version} does not answer: ${stream.end?.details ?? 'nothing'}`);
  return answer;
}

const reflectionTests = (['v1', 'v1alpha'] as const).map((version): ClauseTest => ({
  clause: 'EP-10',
  level: 'SHOULD',
  shows: `reflection ${version} lists and describes the Workload API`,
  run: async (subject) => {
    const { listServicesResponse } = await reflect(subject, version, { listServices: '' });
    const names = listServicesResponse?.service.map(({ name }) => name) ?? [];
    expect(names.includes('SpiffeWorkloadAPI'), `it lists ${names.join(', ')}`);
    const methods = await reflectedMethods(subject, version);
    const missing = Object.keys(PROPER_REQUESTS).filter((method) => !methods.includes(method));
    expect(missing.length === 0, `not described: ${missing.join(', ')}`);
  },
}));

export const endpointClauses: readonly ClauseTest[] = [
  {
    clause: 'EP-1',
    level: 'MUST',
    shows: 'the endpoint speaks gRPC',
    run: async (subject) => {
      await x509Svids(subject);
    },
  },
  {
    clause: 'EP-1',
    level: 'MUST',
    shows: 'bytes that are no message are refused, and the endpoint lives on',
    run: async (subject) => {
      const end = await subject.endpoint.refusal('FetchJWTSVID', Buffer.from('0aff', 'hex'));
      expect(end.code !== status.OK, 'it was answered');
      await x509Svids(subject);
    },
  },
  {
    clause: 'EP-2',
    level: 'SHOULD',
    shows: 'the endpoint is a Unix socket',
    run: ({ endpoint }) => {
      expect(parseEndpointSocket(endpoint.uri).scheme === 'unix', endpoint.uri);
      return Promise.resolve();
    },
  },
  ...headerTests,
  {
    clause: 'EP-5',
    level: 'MUST',
    shows: 'TLS is not required: the calls of this suite are made without',
    run: async (subject) => {
      await x509Svids(subject);
    },
  },
  {
    clause: 'EP-6',
    level: 'MUST',
    shows: 'the caller needs no credential: the security header is all that is sent',
    run: async ({ endpoint }) => {
      const stream = endpoint.open('FetchX509SVID', {}, PROPER_HEADER);
      expect((await stream.next(5_000)) !== undefined, stream.end?.details ?? 'no answer');
      stream.cancel();
    },
  },
  {
    clause: 'EP-8',
    level: 'SHOULD',
    shows: 'a caller without identity is refused with PERMISSION_DENIED',
    needs: 'strangerUri',
    run: async ({ endpoint }) => expectCode(await endpoint.refusal('FetchX509SVID'), status.PERMISSION_DENIED),
  },
  {
    clause: 'EP-9',
    level: 'MUST',
    shows: 'a method that does not exist is UNIMPLEMENTED',
    run: async ({ endpoint }) => expectCode(await endpoint.refusal('FetchNothing'), status.UNIMPLEMENTED),
  },
  ...reflectionTests,
  {
    clause: 'EP-11',
    level: 'MUST',
    shows: 'the service has no methods beyond the standard',
    run: async (subject) => {
      const methods = await reflectedMethods(subject, 'v1');
      expect(methods.length > 0, 'reflection does not describe the service');
      const others = methods.filter((method) => !STANDARD_METHODS.includes(method));
      expect(others.length === 0, others.join(', '));
    },
  },
];
