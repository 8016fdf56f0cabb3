import test from 'ava';
import * as rules from './source-rules.js';
import { readSource, readSources } from './source-tree.js';

const products = readSources('src', 'server-stub/src', 'server-stub/cli');
const everything = [...products, ...readSources('bench', 'test')];

const kept = (name: string, rule: rules.Rule, files = products): void => {
  test(name, (t) => t.deepEqual(files.flatMap(rule), []));
};
kept('only main.ts files read process', rules.noProcess);
kept('only runtime/clock.ts reads time', rules.noTime);
kept('only telemetry names a metric', rules.noMetricNames);
kept('importing a module does nothing', rules.noSideEffects);
kept('no barrels', rules.noBarrels);
kept('no default exports', rules.noDefaultExports, everything);
kept('files are in kebab-case and named after something', rules.goodNames, everything);

const seen: { name: string; rule: rules.Rule; text: string; count: number }[] = [
  { name: 'an environment variable', rule: rules.noProcess, text: 'export const a = process.env["X"];', count: 1 },
  { name: 'an import of process', rule: rules.noProcess, text: 'import p from "node:process";', count: 1 },
  {
    name: 'a parameter called process is not the global',
    rule: rules.noProcess,
    text: 'export const f = (process: { pid: number }) => process.pid;',
    count: 0,
  },
  {
    name: 'a property called process',
    rule: rules.noProcess,
    text: 'export const f = (a: any) => a.process;',
    count: 0,
  },
  { name: 'the time of day', rule: rules.noTime, text: 'const a = Date.now(), b = new Date();', count: 2 },
  { name: 'a given date', rule: rules.noTime, text: 'const a = new Date(0);', count: 0 },
  { name: 'a timer', rule: rules.noTime, text: 'export const f = () => setTimeout(() => {}, 1);', count: 1 },
  { name: 'a metric name', rule: rules.noMetricNames, text: "const a = 'spirl_agent_x_total';", count: 1 },
  { name: 'a call at import', rule: rules.noSideEffects, text: 'register();', count: 1 },
  { name: 'a re-export', rule: rules.noBarrels, text: "export * from './a.js';", count: 1 },
  { name: 'a default export', rule: rules.noDefaultExports, text: 'export default 1;', count: 1 },
];
for (const { name, rule, text, count } of seen) {
  test(`the rules see: ${name}`, (t) => t.is(rule(readSource('src/svid/example.ts', text)).length, count));
}
