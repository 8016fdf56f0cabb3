import { InvalidConfigError, Problems } from '../runtime/problems.js';
import { readSettings, type Parsed } from '../runtime/settings.js';
import { overlaySettings, type SettingOverrides } from '../runtime/settings-overlay.js';
import { parseYaml } from '../runtime/yaml-document.js';
import { AGENT_SETTINGS } from './agent-settings.js';

/** The agent's configuration: frozen, with every default in it; durations in milliseconds. */
export type AgentConfig = Parsed<typeof AGENT_SETTINGS>;

/**
 * Parses the text of a configuration file (YAML or JSON; empty: all from overrides and defaults). `overrides`, from the command
 * line, win; they are keyed by the setting's dotted name. `source` names the file in errors. Throws InvalidConfigError.
 */
export function parseAgentConfig(
  text: string,
  overrides: SettingOverrides = {},
  source = 'agent configuration',
): AgentConfig {
  const problems = new Problems();
  const config = readSettings(AGENT_SETTINGS, overlaySettings(parseYaml(text, source), overrides), problems);
  if (problems.all.length > 0) throw new InvalidConfigError(source, problems.all);
  return config;
}
