import { parseYaml } from '../../src/runtime/yaml-document.js';
import { foresee } from '../fleet/foresee.js';
import { parseScenario, type Scenario } from '../fleet/scenario.js';
import { fleetHtml } from '../report/fleet-html.js';
import { fleetText } from '../report/fleet-text.js';
import { progressBar } from './progress-bar.js';
import type { PerfTerminal } from './perf-terminal.js';

export interface SimulateOptions {
  readonly seed: number;
  readonly set: readonly string[];
  readonly output: 'text' | 'json';
  readonly html?: string;
}

export function simulateCommand(terminal: PerfTerminal, file: string, options: SimulateOptions): void {
  const scenario = readScenario(terminal, file, options.set);
  const bar = progressBar(terminal);
  const foresight = foresee(scenario, options.seed, { progress: (part) => bar.show(part) });
  bar.clear();
  if (options.html !== undefined) terminal.write(options.html, fleetHtml(foresight));
  terminal.out(options.output === 'json' ? `${JSON.stringify(foresight, undefined, 2)}\n` : fleetText(foresight));
  if (options.html !== undefined) terminal.err(`The page is ${options.html}\n`);
}

/** A scenario of a file or an example, with `setting=value` laid over it. */
export function readScenario(terminal: PerfTerminal, file: string, set: readonly string[]): Scenario {
  const overrides = Object.fromEntries(
    set.map((text) => {
      const at = text.indexOf('=');
      return [text.slice(0, at), parseYaml(text.slice(at + 1), `--set ${text}`)];
    }),
  );
  return parseScenario(readText(terminal, file), file, overrides);
}

function readText(terminal: PerfTerminal, file: string): string {
  try {
    return terminal.read(file);
  } catch (error) {
    const names = terminal.examples().map((name) => name.replace(/\.yaml$/, ''));
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or example' : 'not readable';
    throw new Error(`${file}: ${why}; the examples are ${names.join(', ')}`, { cause: error });
  }
}
