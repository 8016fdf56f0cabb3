import { randomBytes } from 'node:crypto';
import { runAgent } from './agent.js';
import { parseAgentConfig } from './config/agent-config.js';
import { systemClock } from './runtime/clock.js';
import { fileDescriptorDestination } from './runtime/log-destination.js';
import { createPinoLogger } from './runtime/pino-logger.js';
import { packageVersion, readConfigFile, runProgram } from './runtime/program.js';
import { stopSignal } from './runtime/stop-signal.js';
import { boundYoungGeneration } from './runtime/young-generation.js';

const version = packageVersion(new URL('../../package.json', import.meta.url));

/** What young objects take on every node, beside the workloads (docs/decisions/0007-memory-of-the-agent.md). */
const YOUNG_BYTES = 16 * 1024 * 1024;

/** Uniform over [0, 1); jitter of a fleet must not come from generators seeded alike. */
const random = (): number => randomBytes(6).readUIntBE(0, 6) / 2 ** 48;

async function run(file: string): Promise<0 | 1> {
  const config = parseAgentConfig(readConfigFile(file), {}, file);
  const out = fileDescriptorDestination(1, (error, lost) =>
    logger.warn('The log could not be written for a while', { error, lost }),
  );
  process.once('exit', () => out.flush());
  const logger = createPinoLogger('agent', config.log, systemClock, out);
  boundYoungGeneration(YOUNG_BYTES);
  try {
    logger.info('Starting agent', { version, node: process.version });
    await runAgent(config, { clock: systemClock, logger, random, version }, stopSignal(process));
    logger.info('Stopped agent');
    return 0;
  } catch (error) {
    logger.error('The agent failed', { error });
    return 1;
  }
}

const description = 'Node agent: serves the SPIFFE Workload API on a Unix socket.';
await runProgram({ name: 'spirl-agent', description, version, run }, process);
