import { isSetting, type Setting, type SettingGroup } from './settings.js';

/** A Markdown table of all settings of `group`, one row each, in the order of the declaration. */
export function settingsTable(group: SettingGroup): string {
  const rows = flatten(group, '').map(
    ([name, { type, fallback, help }]) =>
      `| \`${name}\` | ${cell(type)} | ${fallback === '' || fallback === 'required' ? fallback : code(fallback)} | ${cell(help)} |`,
  );
  return ['| setting | value | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** Dotted names of all settings of `group`. */
export function settingNames(group: SettingGroup): readonly string[] {
  return flatten(group, '').map(([name]) => name);
}

function flatten(group: SettingGroup, prefix: string): readonly (readonly [string, Setting<unknown>])[] {
  return Object.entries(group).flatMap(([key, entry]) =>
    isSetting(entry) ? [[prefix + key, entry] as const] : flatten(entry, `${prefix}${key}.`),
  );
}

function code(text: string): string {
  return text.includes(' ') ? cell(text) : `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
