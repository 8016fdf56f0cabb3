import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  credentials,
  loadPackageDefinition,
  type ClientDuplexStream,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import test from 'ava';
import { Stage } from './stage.js';

const VERSIONS = ['v1', 'v1alpha'] as const;
type Answer = Record<string, unknown>;

/** Asks one question of the reflection service on `socketPath`. */
async function ask(socketPath: string, version: (typeof VERSIONS)[number], question: object): Promise<Answer> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@grpc/reflection')), '..', 'proto');
  const file = join(folder, 'grpc', 'reflection', version, 'reflection.proto');
  const root = loadPackageDefinition(loadSync(file, { includeDirs: [folder], bytes: Buffer, oneofs: true }));
  const services = (root['grpc'] as Record<string, Record<string, Record<string, unknown>>>)['reflection']?.[version];
  const Client = services?.['ServerReflection'] as ServiceClientConstructor;
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure());
  const call = (client['ServerReflectionInfo'] as () => ClientDuplexStream<object, Answer>)();
  const answer = await new Promise<Answer>((resolve, reject) => {
    call.on('data', resolve);
    call.on('error', reject);
    call.write(question);
  });
  call.end();
  client.close();
  return answer;
}

for (const version of VERSIONS) {
  test(`reflection ${version} lists the service under its own name`, async (t) => {
    const { socketPath } = await Stage.open(t);
    const answer = await ask(socketPath, version, { listServices: '' });
    const { service } = answer['listServicesResponse'] as { service: { name: string }[] };
    t.true(
      service.some(({ name }) => name === 'SpiffeWorkloadAPI'),
      JSON.stringify(service),
    );
  });

  for (const symbol of ['SpiffeWorkloadAPI', 'SpiffeWorkloadAPI.FetchX509SVID', 'X509SVIDResponse']) {
    test(`reflection ${version} has the file with ${symbol}`, async (t) => {
      const { socketPath } = await Stage.open(t);
      const answer = await ask(socketPath, version, { fileContainingSymbol: symbol });
      const { fileDescriptorProto: files } = answer['fileDescriptorResponse'] as { fileDescriptorProto: Buffer[] };
      t.true(files.some((bytes) => bytes.includes('FetchX509SVID')));
      t.true(files.some((bytes) => bytes.includes('google.protobuf')));
    });
  }
}
