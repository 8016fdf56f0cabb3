import { freePort, partFile, startPart, type Part } from '../part-process.js';

/** The second KMS: written by others than the first, and right about digests without corrections. On loopback. */
export async function startMinistack(): Promise<Part & { readonly url: string }> {
  const program = partFile('ministack/bin/ministack', 'parts-key-managers.sh');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // Without the last it opens a port on every address.
  const env = { BIND_HOST: '127.0.0.1', GATEWAY_PORT: String(port), IOT_MTLS_ENABLED: '0' };
  const part = await startPart(program, [], async () => (await fetch(`${url}/_ministack/health`)).ok, env);
  return { ...part, url };
}
