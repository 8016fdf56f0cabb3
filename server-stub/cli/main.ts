import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { systemClock } from 'spirl-agent/runtime/clock.js';
import { runSpirlctl } from './spirlctl.js';

/** npm hands on the Ctrl-C that the terminal has sent to all of us: two signals this close together are one wish. */
const SAME_WISH_MS = 500;

const stop = new AbortController();
let askedAt = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stop.signal.aborted) askedAt = systemClock.monotonic();
    // Whoever asks twice does not want to wait.
    else if (systemClock.monotonic() - askedAt > SAME_WISH_MS) process.exit(130);
    stop.abort();
  });
}
// A reader that has seen enough (`spirlctl agent list | head -1`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const packageRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const manifest = JSON.parse(readFileSync(`${packageRoot}/package.json`, 'utf8')) as { version: string };

process.exitCode = await runSpirlctl(process.argv.slice(2), {
  clock: systemClock,
  env: process.env,
  signal: stop.signal,
  packageRoot,
  version: manifest.version,
  node: process.execPath,
  out: (output) => process.stdout.write(output),
  err: (output) => process.stderr.write(output),
  readInput: () => text(process.stdin),
});
