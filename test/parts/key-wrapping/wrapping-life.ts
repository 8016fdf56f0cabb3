import type { ExecutionContext } from 'ava';
import { WrappedDeployment, type Program } from './wrapped-deployment.js';

/** A key service as the life below needs it. */
export interface WrappingService {
  /** Settings of the server, YAML lines. */
  readonly settings: string;
  /** The same with another key of the same service. */
  readonly otherKey: string;
  readonly env: Readonly<Record<string, string>>;
  /** The whole sentence of the operator's page. */
  readonly success: string;
  /** Provider and key as records name them. */
  readonly name: string;
  readonly kek: string;
  readonly otherKek: string;
  /** Everything that may ever be asked of the service. */
  readonly permitted: readonly string[];
  calls(): Promise<Readonly<Record<string, number>>>;
  resetCalls(): Promise<void> | void;
  down(): Promise<void>;
  up(): Promise<void>;
}

const READY = 'Serving metrics and health';

/** What every wrapping provider lives through: start, rotation, outage, kill -9, restart, a wrong key. */
export async function wrappingLife(t: ExecutionContext, service: WrappingService): Promise<void> {
  const deployment = await WrappedDeployment.make();
  t.teardown(() => deployment.destroy());
  const start = (settings = service.settings) => deployment.start(settings, service.env);

  const first = await start();
  await first.says(READY);
  t.is(
    first
      .output()
      .split('\n')
      .filter((line) => line.endsWith(`  ${service.success}`)).length,
    1,
    first.output(),
  );
  await deployment.startAgent();
  const prepared = await deployment.keyset('prepare');
  t.is(prepared.code, 0, prepared.stderr);
  t.deepEqual(Object.keys(await service.calls()).sort(), [...service.permitted].sort());

  // The service is away from here on, and nobody may even try to reach it.
  await service.resetCalls();
  await service.down();
  const [newest = '', oldest = ''] = (await deployment.list()).map((row) => row.split(' ')[1] ?? '');
  t.is((await deployment.mint('first')).code, 0);
  for (const [verb, id] of [['activate', newest] as const, ['taint', oldest] as const, ['remove', oldest] as const]) {
    const { code, stderr } = await deployment.keyset(verb, id);
    t.is(code, 0, `${verb}: ${stderr}`);
  }
  t.is((await deployment.mint('second')).code, 0);
  const left = await deployment.list();
  t.is(left.length, 1);
  t.false(first.output().includes('is away'));

  // A new key cannot be wrapped now, and nothing of it is left.
  const failed = await deployment.keyset('prepare');
  t.is(failed.code, 1);
  t.regex(failed.stderr, /^Error: (AWS KMS|Azure Managed HSM).* key .*\n$/);
  t.deepEqual(await deployment.list(), left);
  t.is((await deployment.mint('third')).code, 0);

  // A restart waits for the service, says so, and goes on with the same keys.
  await first.kill('SIGKILL');
  const second = await start();
  await second.says('Waiting for key wrapping by');
  t.false(second.output().includes(READY));
  await service.up();
  await second.says(READY);
  t.deepEqual(await deployment.list(), left);
  await service.resetCalls();
  await deployment.mintAgain('fourth');
  t.deepEqual(await service.calls(), {});
  await second.kill('SIGTERM');

  // Another key of the service, and no service at all: refused, both named, nothing overwritten.
  const refusal = (provider: string, key: string): string =>
    `is sealed by key wrapping provider "${service.name}" with key ${service.kek}, but "${provider}"${key} is configured; ` +
    'switching providers or keys of an existing deployment is not supported';
  for (const [settings, told] of [
    [service.otherKey, refusal(service.name, ` with key ${service.otherKek}`)],
    ['', refusal('local', '')],
  ] as const) {
    const refused = await start(settings);
    t.is(await refused.ended, 1);
    t.true(lastWords(refused).includes(told), refused.output());
    t.false(refused.output().includes('Key wrapping via'));
  }
  const third = await start();
  await third.says(READY);
  t.deepEqual(await deployment.list(), left);
  const rewrapped = await deployment.keyset('rewrap');
  t.is(rewrapped.code, 0, rewrapped.stderr);
  t.regex(rewrapped.stdout, /^\d of 3 sealed records rewrapped by /m);
  await third.kill('SIGTERM');
}

/** Starts a server that cannot come up; answers its last words. */
export async function failingStart(
  t: ExecutionContext,
  settings: string,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const deployment = await WrappedDeployment.make();
  t.teardown(() => deployment.destroy());
  const server = await deployment.start(settings, env);
  t.is(await server.ended, 1, server.output());
  return lastWords(server);
}

/** What a server that failed said of it. */
function lastWords({ output }: Program): string {
  const [, error = '""'] = /ERROR server {2}The server failed error=("(?:[^"\\]|\\.)*")/.exec(output()) ?? [];
  return JSON.parse(error) as string;
}
