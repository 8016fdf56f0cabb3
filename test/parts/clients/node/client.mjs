// A client over grpc-js and the published proto, as the README shows it. usage: client.mjs fetch AUDIENCE | watch COUNT
import { X509Certificate } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const proto = fileURLToPath(new URL('../../../../proto/spiffe/workload.proto', import.meta.url));
const { SpiffeWorkloadAPI } = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true }));
const client = new SpiffeWorkloadAPI(process.env.SPIFFE_ENDPOINT_SOCKET, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
metadata.set('workload.spiffe.io', 'true');

const first = (method) =>
  new Promise((resolve, reject) => {
    const stream = client[method]({}, metadata).on('error', reject);
    stream.once('data', (message) => {
      resolve(message);
      stream.cancel();
    });
  });
const unary = (method, request) =>
  new Promise((resolve, reject) => {
    client[method](request, metadata, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
const emit = (line) => console.log(JSON.stringify(line));
const x509 = (kind, { svids: [svid] }) =>
  emit({ kind, spiffeId: svid.spiffe_id, serial: new X509Certificate(svid.x509_svid).serialNumber.toLowerCase() });

const [command, argument] = process.argv.slice(2);
if (command === 'fetch') {
  const context = await first('FetchX509SVID');
  x509('x509', context);
  const own = context.svids[0].spiffe_id.split('/').slice(0, 3).join('/');
  const { bundles } = await first('FetchJWTBundles');
  const jwtAuthorities = JSON.parse(bundles[own].toString()).keys.length;
  const x509Authorities = (await first('FetchX509Bundles')).bundles[own].length > 0 ? 1 : 0;
  emit({ kind: 'bundles', trustDomain: own.slice('spiffe://'.length), x509Authorities, jwtAuthorities });
  const { svids } = await unary('FetchJWTSVID', { audience: [argument] });
  emit({ kind: 'jwt', spiffeId: svids[0].spiffe_id, token: svids[0].svid });
  const { spiffe_id } = await unary('ValidateJWTSVID', { audience: argument, svid: svids[0].svid });
  emit({ kind: 'validated', spiffeId: spiffe_id });
  client.close();
} else {
  let left = Number(argument);
  const stream = client.FetchX509SVID({}, metadata);
  stream.on('data', (message) => {
    x509('update', message);
    left -= 1;
    if (left === 0) stream.cancel();
  });
  stream.on('error', (error) => {
    client.close();
    process.exitCode = left === 0 ? 0 : 1;
  });
}
