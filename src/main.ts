import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { runAgent } from './agent.js';
import { parseAgentConfig, type AgentConfig } from './config/agent-config.js';
import { systemClock } from './runtime/clock.js';
import { SpirlError } from './runtime/errors.js';
import { createPinoLogger, fileDescriptorDestination } from './runtime/pino-logger.js';
import { stopSignal } from './runtime/stop-signal.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function readConfig(file: string): AgentConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    throw new SpirlError('INVALID_CONFIG', `the configuration file ${file} cannot be read: ${code}`, { cause });
  }
  return parseAgentConfig(text, {}, file);
}

/** Uniform over [0, 1); jitter of a fleet must not come from generators seeded alike. */
const random = (): number => randomBytes(6).readUIntBE(0, 6) / 2 ** 48;

async function run({ config: file }: { config: string }): Promise<void> {
  const config = readConfig(file);
  const logger = createPinoLogger('agent', config.log, systemClock, fileDescriptorDestination(1));
  const signal = stopSignal(process);
  try {
    logger.info('Starting agent', { version, node: process.version });
    await runAgent(config, { clock: systemClock, logger, random, version }, signal);
    logger.info('Stopped agent');
  } catch (error) {
    logger.error('The agent failed', { error });
    throw error;
  }
}

const program = new Command('spirl-agent').description('Node agent: serves the SPIFFE Workload API on a Unix socket.');
program.version(version).configureHelp({ showGlobalOptions: true });
program
  .command('run')
  .description('runs the agent in the foreground')
  .requiredOption('--config <file>', 'configuration file (YAML)')
  .action(run);

program.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
program.parseAsync(process.argv).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`Error: ${error instanceof SpirlError ? error.message : 'internal error'}\n`);
    if (!(error instanceof SpirlError)) process.stderr.write(`${error instanceof Error ? (error.stack ?? '') : ''}\n`);
    process.exit(1);
  },
);
