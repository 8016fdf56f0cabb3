import { systemClock } from 'spirl-agent/runtime/clock.js';
import { fileDescriptorDestination } from 'spirl-agent/runtime/log-destination.js';
import { createPinoLogger } from 'spirl-agent/runtime/pino-logger.js';
import { packageVersion, readConfigFile, runProgram } from 'spirl-agent/runtime/program.js';
import { stopSignal } from 'spirl-agent/runtime/stop-signal.js';
import { parseServerConfig } from './config/server-config.js';
import { sectionTypesOf } from './deployment-sections.js';
import { runServer } from './server.js';

const version = packageVersion(new URL('../../../package.json', import.meta.url));

async function run(file: string): Promise<0 | 1> {
  const config = parseServerConfig(readConfigFile(file), {}, file, sectionTypesOf);
  const out = fileDescriptorDestination(1, (error, lost) =>
    logger.warn('The log could not be written for a while', { error, lost }),
  );
  process.once('exit', () => out.flush());
  const logger = createPinoLogger('server', config.log, systemClock, out);
  const ownUid = process.getuid?.() ?? 0;
  try {
    logger.info('Starting server', { version, node: process.version });
    const writeAudit = (line: string): void => {
      out.write(line);
      // Written before what it tells of goes on.
      out.flush();
    };
    const environment = (name: string): string | undefined => process.env[name];
    const parts = { clock: systemClock, logger, version, ownUid, writeAudit, environment };
    await runServer(config, parts, stopSignal(process), (serving) => process.send?.(serving));
    logger.info('Stopped server');
    return 0;
  } catch (error) {
    logger.error('The server failed', { error });
    return 1;
  }
}

const description = 'Trust-domain server of one deployment.';
await runProgram({ name: 'spirl-server', description, version, run }, process);
