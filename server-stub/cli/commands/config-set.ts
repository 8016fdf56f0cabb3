import { readDocuments, scopeArguments, scopeOf } from '../config-scope.js';
import type { CliCommand } from '../cli-command.js';

export const configSet: CliCommand = {
  words: 'config set',
  summary: 'Put managed sections into force, all or none of them. They apply at once, without a restart.',
  configure: (command) =>
    scopeArguments(command)
      .argument('<file...>', 'YAML documents with section, schema and spec; - is standard input')
      .option('--prune', 'drop the sections that are not in these files')
      .option('--expected-version <version>', 'refuse when another version is in force'),
  run: async (invocation) => {
    const scope = scopeOf(invocation);
    const sectionUpdates = await readDocuments(invocation);
    const client = await invocation.connect();
    const { version } = await client.call('config.UpdateConfig', {
      scope,
      sectionUpdates,
      prune: invocation.flag('prune'),
      expectedVersion: invocation.text('expectedVersion'),
      validateOnly: false,
    });
    return {
      text: `Configuration of ${scope.kind} ${scope.id} set.\nVersion: ${version}\n`,
      json: { scope, version },
    };
  },
};
