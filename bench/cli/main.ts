import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/runtime/clock.js';
import { stopSignal } from '../../src/runtime/stop-signal.js';
import { runSpirlPerf } from './spirl-perf.js';

process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const examples = fileURLToPath(new URL('../../../bench/fleet/examples/', import.meta.url));
process.exitCode = await runSpirlPerf(process.argv.slice(2), manifest.version, {
  clock: systemClock,
  examples: () => readdirSync(examples).sort(),
  read: (file) => readFileSync(existsSync(file) ? file : `${examples}${file.replace(/(\.yaml)?$/, '.yaml')}`, 'utf8'),
  write: (file, text) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  },
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
  untilStopped: () => stopSignal(process),
});
