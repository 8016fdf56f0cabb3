import test from 'ava';
import { loadedWith } from './start-loads.js';

test('the start of the agent loads these packages and no other: no gRPC, no protobuf, no JWT, no command line', (t) => {
  t.deepEqual(loadedWith('build/src/main.js').packages, [
    'koffi',
    'p-limit',
    'pino',
    'prom-client/lib/counter.js',
    'prom-client/lib/gauge.js',
    'prom-client/lib/histogram.js',
    'prom-client/lib/registry.js',
    'yaml',
  ]);
});

test('the start of the server loads no gRPC library, no cloud SDK and no PKCS#11 module', (t) => {
  const { packages } = loadedWith('build/server-stub/src/main.js');
  t.true(packages.includes('protobufjs'));
  t.deepEqual(
    packages.filter((name) => /^@grpc|^@aws-sdk|^@azure|^@smithy|^pkcs11js/.test(name)),
    [],
  );
});

test('the rule sees what a file loads, also through others, and what it loads on demand only', (t) => {
  const { files, packages } = loadedWith('build/src/runtime/pino-logger.js');
  t.deepEqual(packages, ['pino']);
  t.true(files.includes('build/src/runtime/log-text.js'));
  t.false(loadedWith('build/src/workload-api/validate-jwt-svid.js').packages.includes('jose'));
});
