import { FAILURE_SETTINGS } from '../../bench/fleet/failure-settings.js';
import { SCENARIO_SETTINGS } from '../../bench/fleet/scenario.js';
import { Problems } from '../../src/runtime/problems.js';
import { isSetting, type Setting, type SettingGroup } from '../../src/runtime/settings.js';

/** What stands in the page where the tables of settings begin and end. */
export const SCENARIO_TABLES_BEGIN = '<!-- The tables of settings are made from the code by `npm run docs`; do not edit them. -->';
export const SCENARIO_TABLES_END = '<!-- The tables of settings end here. -->';

/** Tables of everything that a scenario may say. The values are told in the words of the refusal of a wrong one. */
export function scenarioTables(): string {
  const failures = Object.entries(FAILURE_SETTINGS).map(([what, { what: _, ...settings }]) => {
    return `\`- { what: ${what}, … }\`\n\n${table(settings)}`;
  });
  return [table(SCENARIO_SETTINGS), 'Each entry of `failures` is one of these:', ...failures].join('\n\n');
}

function table(group: SettingGroup): string {
  const rows = flatten(group, '').map(([name, setting]) => {
    const fallback = setting.fallback === '' || setting.fallback === 'required' ? setting.fallback : `\`${setting.fallback}\``;
    return `| \`${name}\` | ${cell(expectedBy(setting))} | ${fallback} | ${cell(setting.help)} |`;
  });
  return ['| setting | value | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** What `setting` says it wants when it is given what it never takes. */
function expectedBy(setting: Setting<unknown>): string {
  const problems = new Problems();
  setting.read({}, '', problems);
  const [problem] = problems.all;
  if (problem === undefined) throw new Error(`${setting.help} takes anything`);
  const told = problem.reason.replace(/,? is expected(, not .*)?$/, '');
  return told.replace(/: X, uniform X.*$/, ', which may vary').replace(/ \(such as [^)]*\)/, '');
}

function flatten(group: SettingGroup, prefix: string): readonly (readonly [string, Setting<unknown>])[] {
  return Object.entries(group).flatMap(([key, entry]) =>
    isSetting(entry) ? [[prefix + key, entry] as const] : flatten(entry, `${prefix}${key}.`),
  );
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
