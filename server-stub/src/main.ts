import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { systemClock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { createPinoLogger, fileDescriptorDestination } from 'spirl-agent/runtime/pino-logger.js';
import { stopSignal } from 'spirl-agent/runtime/stop-signal.js';
import { parseServerConfig, type ServerConfig } from './config/server-config.js';
import { runServer } from './server.js';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function readConfig(file: string): ServerConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    throw new SpirlError('INVALID_CONFIG', `the configuration file ${file} cannot be read: ${code}`, { cause });
  }
  return parseServerConfig(text, {}, file);
}

async function run({ config: file }: { config: string }): Promise<void> {
  const config = readConfig(file);
  const out = fileDescriptorDestination(1);
  const logger = createPinoLogger('server', config.log, systemClock, out);
  const ownUid = process.getuid?.() ?? 0;
  try {
    logger.info('Starting server', { version, node: process.version });
    const parts = { clock: systemClock, logger, version, ownUid, writeAudit: (line: string) => out.write(line) };
    await runServer(config, parts, stopSignal(process), (serving) => process.send?.(serving));
    logger.info('Stopped server');
  } catch (error) {
    logger.error('The server failed', { error });
    throw error;
  }
}

const program = new Command('spirl-server').description('Trust-domain server of one deployment.').version(version);
program
  .command('run')
  .description('runs the server in the foreground')
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
