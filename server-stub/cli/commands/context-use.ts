import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { contextsFile, readContexts, writeContexts } from '../contexts.js';
import type { CliCommand } from '../cli-command.js';

export const contextUse: CliCommand = {
  words: 'context use',
  summary: 'Make another context the current one.',
  configure: (command) => command.argument('<context>', 'context, as list shows it'),
  run: async (invocation) => {
    const name = invocation.arg(0);
    const file = contextsFile(invocation.terminal.env);
    const { servers } = await readContexts(file);
    if (!Object.hasOwn(servers, name)) {
      throw new SpirlError('NOT_FOUND', `no context ${JSON.stringify(name)}: make it with login`);
    }
    await writeContexts(file, { current: name, servers });
    return { text: `The current context is now ${JSON.stringify(name)}.\n`, json: { current: name } };
  },
};
