import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { systemClock } from '../runtime/clock.js';
import { runSpirldbg } from './spirldbg.js';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());
// A reader that has seen enough (`spirldbg watch | head -1`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
process.exitCode = await runSpirldbg(process.argv.slice(2), manifest.version, {
  clock: systemClock,
  endpointSocket: process.env['SPIFFE_ENDPOINT_SOCKET'],
  signal: stop.signal,
  out: (output) => process.stdout.write(output),
  err: (output) => process.stderr.write(output),
  readInput: () => text(process.stdin),
});
