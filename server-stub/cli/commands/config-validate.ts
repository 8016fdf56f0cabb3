import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { problemLines, readDocuments, scopeArguments, scopeOf } from '../config-scope.js';
import type { CliCommand } from '../cli-command.js';

export const configValidate: CliCommand = {
  words: 'config validate',
  summary: 'Tell everything that is wrong with managed sections, without putting them into force.',
  configure: (command) =>
    scopeArguments(command).argument('<file...>', 'YAML documents with section, schema and spec; - is standard input'),
  run: async (invocation) => {
    const scope = scopeOf(invocation);
    const sectionUpdates = await readDocuments(invocation);
    const client = await invocation.connect();
    const { problems } = await client.call('config.UpdateConfig', {
      scope,
      sectionUpdates,
      prune: false,
      expectedVersion: '',
      validateOnly: true,
    });
    const valid = problems.length === 0;
    if (!valid) {
      if (invocation.output === 'json')
        invocation.terminal.out(`${JSON.stringify({ scope, valid, problems }, null, 2)}\n`);
      throw new SpirlError('INVALID_CONFIG', `the configuration is not valid:\n${problemLines(problems).trimEnd()}`);
    }
    return { text: 'The configuration is valid.\n', json: { scope, valid, problems } };
  },
};
