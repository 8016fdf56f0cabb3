import { createECDH, generateKeyPairSync, sign } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { Client, credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { certificatePem } from '../../src/runtime/certificate-facts.js';
import { createKeyAndRequest } from '../../src/runtime/certificate-request.js';
import { mintLoop, type Minted } from '../load/mint-loop.js';
import { serveCommands } from '../rig/commands.js';
import { projectRoot } from '../rig/program.js';

// A load generator that is an agent towards a SPIRE server: attested by a join token, then prepared requests as bytes.

/** How to reach the server and what to ask for. */
export interface SpireMintingOptions {
  readonly address: string;
  readonly bundlePem: string;
  readonly joinToken: string;
  /** Registration entries of this agent. */
  readonly entryIds: readonly string[];
}

const PATHS = {
  attest: '/spire.api.server.agent.v1.Agent/AttestAgent',
  x509: '/spire.api.server.svid.v1.SVID/BatchNewX509SVID',
  jwt: '/spire.api.server.svid.v1.SVID/NewJWTSVID',
};

const loaded = loadPackageDefinition(
  loadSync(`${projectRoot}bench/peers/spire-api.proto`, { longs: Number, defaults: true, arrays: true }),
) as unknown as { bench: { spire: { Api: ServiceClientConstructor } } };
const { AttestAgent, BatchNewX509SVID, NewJWTSVID } = loaded.bench.spire.Api.service;
const asBytes = (bytes: Buffer): Buffer => bytes;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ecdh = createECDH('prime256v1');
const REQUEST_BYTES = Buffer.alloc(200, 7);

let client: Client | undefined;
let entryIds: readonly string[] = [];
let requests: Buffer[] = [];

function open(address: string, bundlePem: string, identity?: { cert: string; key: string }): Client {
  const context = createSecureContext({ ca: bundlePem, ...identity });
  // The server proves itself by a name of SPIRE's own kind; only the load is simplified.
  const channel = credentials.createFromSecureContext(context, { checkServerIdentity: () => undefined });
  return new Client(address, channel, { 'grpc.ssl_target_name_override': 'spire-server' });
}

function pemOf(pkcs8: Buffer): string {
  const lines = pkcs8.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

async function attest({ address, bundlePem, joinToken }: SpireMintingOptions): Promise<{ cert: string; key: string }> {
  const anonymous = open(address, bundlePem);
  const { csr, privateKey: key } = await createKeyAndRequest();
  if (AttestAgent === undefined) throw new Error('unreachable: defined in spire-api.proto');
  const stream = anonymous.makeBidiStreamRequest(
    PATHS.attest,
    AttestAgent.requestSerialize,
    AttestAgent.responseDeserialize,
  );
  stream.write({ params: { data: { type: 'join_token', payload: Buffer.from(joinToken) }, params: { csr } } });
  const answer = await new Promise<{ result: { svid: { certChain: Buffer[] } } }>((resolve, reject) => {
    stream.once('data', resolve);
    stream.once('error', reject);
  });
  stream.end();
  anonymous.close();
  return { cert: answer.result.svid.certChain.map(certificatePem).join(''), key: pemOf(key) };
}

function call(path: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client?.makeUnaryRequest<Buffer, Buffer>(path, asBytes, asBytes, request, (error, response) => {
      if (response !== undefined) resolve(response);
      else reject(error ?? new Error('no answer'));
    });
  });
}

/** What SPIRE's agent does for each X.509-SVID before it asks: a key, and a signature under its request. The request sent was made before. */
function makeKeys(count: number): void {
  for (let i = 0; i < count; i++) {
    ecdh.generateKeys();
    sign('sha256', REQUEST_BYTES, privateKey);
  }
}

async function prepare(kind: 'x509' | 'jwt', batch: number): Promise<void> {
  const requestSerialize = (kind === 'x509' ? BatchNewX509SVID : NewJWTSVID)?.requestSerialize;
  if (requestSerialize === undefined) throw new Error('unreachable: defined in spire-api.proto');
  const keys = await Promise.all(Array.from({ length: 32 }, () => createKeyAndRequest()));
  const entry = (index: number): string => entryIds[index % entryIds.length] ?? '';
  requests = Array.from({ length: 16 }, (_, number) => {
    if (kind === 'jwt') return requestSerialize({ entryId: entry(number * 7), audience: ['bench'] });
    const params = Array.from({ length: batch }, (__, i) => {
      return { entryId: entry(number * 7 + i), csr: keys[(number + i) % keys.length]?.csr };
    });
    return requestSerialize({ params });
  });
}

function checkAnswer(kind: 'x509' | 'jwt', batch: number, bytes: Buffer): void {
  if (kind === 'jwt') {
    const { svid } = NewJWTSVID?.responseDeserialize(bytes) as unknown as { svid: { token: string } };
    if (svid.token === '') throw new Error('no token');
    return;
  }
  const { results } = BatchNewX509SVID?.responseDeserialize(bytes) as unknown as {
    results: { status: { code: number; message: string } | null }[];
  };
  const failed = results.find(({ status }) => (status?.code ?? 0) !== 0);
  if (results.length !== batch || failed !== undefined) throw new Error(`not minted: ${JSON.stringify(failed)}`);
}

const commands = {
  login: async (options: SpireMintingOptions): Promise<void> => {
    client = open(options.address, options.bundlePem, await attest(options));
    entryIds = options.entryIds;
  },
  mint: async (kind: 'x509' | 'jwt', batch: number, inFlight: number, ms: number): Promise<Minted> => {
    await prepare(kind, batch);
    const mintBatch = async (count: number): Promise<void> => {
      if (kind === 'x509') makeKeys(batch);
      const answer = await call(PATHS[kind], requests[count % requests.length] as Buffer);
      if (count % 100 === 0) checkAnswer(kind, batch, answer);
    };
    return mintLoop(mintBatch, { batch, inFlight, ms });
  },
};

export type SpireMinting = typeof commands;

serveCommands(commands);
