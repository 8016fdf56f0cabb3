import type { Command } from 'commander';

/** The reference page of all commands below `root`, Markdown. `notice` stands under its title. */
export function cliReferencePage(root: Command, notice: string): string {
  return `# ${root.name()}

${notice}

${root.description()} Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.

Every command takes these:

${optionRows(root)}
${leavesOf(root, root.name()).map(commandText).join('\n')}`;
}

interface Leaf {
  readonly words: string;
  readonly command: Command;
}

function leavesOf(command: Command, words: string): readonly Leaf[] {
  if (command.commands.length === 0) return [{ words, command }];
  return command.commands.flatMap((child) => leavesOf(child, `${words} ${child.name()}`));
}

function commandText({ words, command }: Leaf): string {
  const args = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? ` <${name}>` : ` [${name}]`;
  });
  const described = command.registeredArguments.map((argument) => {
    const choices = argument.argChoices === undefined ? '' : `: ${argument.argChoices.join(', ')}`;
    return row(`<${argument.name()}>`, `${argument.description}${choices}`);
  });
  const options = optionRows(command, described);
  return `## ${words}${args.join('')}\n\n${command.description()}\n${options === '' ? '' : `\n${options}`}`;
}

function optionRows(command: Command, before: readonly string[] = []): string {
  const rows = command.options.map((option) => {
    const choices = option.argChoices === undefined ? '' : `: ${option.argChoices.join(', ')}`;
    const fallback = typeof option.defaultValue === 'string' ? ` (default: ${option.defaultValue})` : '';
    return row(option.flags, `${option.description}${choices}${option.mandatory ? ' (required)' : fallback}`);
  });
  const all = [...before, ...rows];
  return all.length === 0 ? '' : `| | |\n|---|---|\n${all.join('')}`;
}

function row(name: string, meaning: string): string {
  return `| \`${name}\` | ${meaning.replaceAll('|', '\\|')} |\n`;
}
