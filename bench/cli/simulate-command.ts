import { parseYaml } from '../../src/runtime/yaml-document.js';
import { measuredCapacity } from '../fleet/measured-capacity.js';
import { foresee } from '../fleet/foresee.js';
import { parseScenario, type Scenario } from '../fleet/scenario.js';
import { fleetHtml } from '../report/fleet-html.js';
import { fleetText } from '../report/fleet-text.js';
import { progressBar } from './progress-bar.js';
import type { PerfTerminal } from './perf-terminal.js';

export interface SimulateOptions {
  readonly seed: number;
  readonly set: readonly string[];
  readonly capacityFrom?: string;
  readonly output: 'text' | 'json';
  readonly html?: string;
}

export function simulateCommand(terminal: PerfTerminal, file: string, options: SimulateOptions): void {
  const capacity = readCapacity(terminal, options.capacityFrom);
  const scenario = readScenario(terminal, file, [...(capacity?.set ?? []), ...options.set]);
  const bar = progressBar(terminal);
  const seen = foresee(scenario, options.seed, { progress: (part) => bar.show(part) });
  const foresight = capacity === undefined ? seen : { capacityFrom: capacity.from, ...seen };
  bar.clear();
  if (options.html !== undefined) terminal.write(options.html, fleetHtml(foresight));
  terminal.out(options.output === 'json' ? `${JSON.stringify(foresight, undefined, 2)}\n` : fleetText(foresight));
  if (options.html !== undefined) terminal.err(`The page is ${options.html}\n`);
}

/** What a results file of the benchmark says about the capacity of a replica, as a setting and in words. */
export function readCapacity(
  terminal: PerfTerminal,
  file: string | undefined,
): { readonly set: readonly string[]; readonly from: string } | undefined {
  if (file === undefined) return undefined;
  const { perSecond, from } = measuredCapacity(readText(terminal, file), file);
  return { set: [`servers.capacity=${perSecond}/s`], from };
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
