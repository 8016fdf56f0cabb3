import type { Command } from 'commander';

export type Shell = 'bash' | 'zsh' | 'fish';

/** The word with which the scripts ask spirlctl itself what may come next. */
export const COMPLETE = '__complete';

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# bash completion of spirlctl: source <(spirlctl completion bash)
_spirlctl() {
  local IFS=$'\\n'
  COMPREPLY=($(spirlctl ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _spirlctl spirlctl
`,
  zsh: `#compdef spirlctl
# zsh completion of spirlctl: source <(spirlctl completion zsh)
_spirlctl() {
  local -a found
  found=("\${(@f)$(spirlctl ${COMPLETE} "\${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  found=(\${found:#})
  if (( $#found )); then compadd -a found; else _files; fi
}
compdef _spirlctl spirlctl
`,
  fish: `# fish completion of spirlctl: spirlctl completion fish | source
function __spirlctl_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  spirlctl ${COMPLETE} $words[2..-1] "$current" 2>/dev/null
end
complete -c spirlctl -a '(__spirlctl_complete)'
`,
};

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

/** What may stand where the last of `words` is being typed; empty where a file or a name of the operator's own belongs. */
export function candidates(root: Command, words: readonly string[]): readonly string[] {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  let command = root;
  let position = 0;
  for (let i = 0; i < before.length; i++) {
    const word = before[i] ?? '';
    if (word.startsWith('-')) {
      if (takesValue(command, root, word) && !word.includes('=')) i++;
      continue;
    }
    const next = command.commands.find((child) => child.name() === word);
    if (next === undefined) position++;
    else command = next;
  }
  const option = optionNamed(command, root, before.at(-1) ?? '');
  if (option !== undefined && (option.required || option.optional)) return matching(option.argChoices ?? [], typed);
  if (typed.startsWith('-'))
    return matching([...optionsOf(command, root).map(({ long }) => long ?? ''), '--help'], typed);
  if (command.commands.length > 0) return matching([...command.commands.map((child) => child.name()), 'help'], typed);
  return matching(command.registeredArguments[position]?.argChoices ?? [], typed);
}

function optionsOf(command: Command, root: Command): Command['options'] {
  return command === root ? root.options : [...command.options, ...root.options];
}

function optionNamed(command: Command, root: Command, word: string): Command['options'][number] | undefined {
  return optionsOf(command, root).find(({ long, short }) => long === word || short === word);
}

function takesValue(command: Command, root: Command, word: string): boolean {
  const option = optionNamed(command, root, word);
  return option !== undefined && (option.required || option.optional);
}

function matching(words: readonly string[], typed: string): readonly string[] {
  return words.filter((word) => word.startsWith(typed));
}
