import { scopeArguments, scopeOf } from '../config-scope.js';
import type { CliCommand } from '../cli-command.js';
import { jsonTime } from '../output.js';

export const configGet: CliCommand = {
  words: 'config get',
  summary: 'Show the managed sections in force, as they were given.',
  configure: scopeArguments,
  run: async (invocation) => {
    const scope = scopeOf(invocation);
    const client = await invocation.connect();
    const { version, sections } = await client.call('config.GetConfig', { scope });
    const documents = sections.map(({ document }) => `---\n${document.trimEnd()}\n`).join('');
    return {
      text: `# ${scope.kind} ${scope.id}, version: ${version || 'none'}\n${documents}`,
      json: {
        scope,
        version,
        sections: sections.map(({ updatedAtMs, ...section }) => ({ ...section, updatedAt: jsonTime(updatedAtMs) })),
      },
    };
  },
};
