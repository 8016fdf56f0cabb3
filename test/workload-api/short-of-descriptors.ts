import { createInterface } from 'node:readline';
import { RecordingLogger } from '../fakes/recording-logger.js';
import { Stage } from './stage.js';

// A Workload API in a process of its own, which a test starts with few descriptors. Its first line is its socket; for each
// line that it gets it prints what it has logged as a warning or worse, and what was unexpected.
const logger = new RecordingLogger();
let close = (): Promise<void> => Promise.resolve();
const stage = await Stage.open({ teardown: (end) => (close = end) }, { logger });
const lines = createInterface({ input: process.stdin });
lines.on('line', () => {
  const told = logger.lines.filter(({ level }) => level === 'warn' || level === 'error');
  process.stdout.write(`${JSON.stringify({ told, unexpected: stage.unexpected.map(String) })}\n`);
});
lines.once('close', () => void close());
process.stdout.write(`${stage.socketPath}\n`);
