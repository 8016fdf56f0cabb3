import { InvalidConfigError, type Problem } from 'spirl-agent/runtime/problems.js';
import type { Declared, ExtensionSettings } from './provider.js';
import { KEY_MANAGER_PROVIDERS, type ProviderName } from './providers.js';

const NAMES = Object.keys(KEY_MANAGER_PROVIDERS) as ProviderName[];

/** JSON Schema of `spec` in a section KeyManager. No extension: keys are sealed in the store. */
export const KEY_MANAGER_SECTION_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    extensions: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(NAMES.map((name) => [name, KEY_MANAGER_PROVIDERS[name].schema])),
    },
  },
};

/** The key manager that a section names, with its settings. */
export interface KeyManagerChoice {
  readonly name: ProviderName;
  readonly settings: ExtensionSettings;
}

/** What a structure cannot say of a spec, as JSON Pointers below `at`. Values of a wrong type are left to the schema. */
export function keyManagerSectionProblems(spec: unknown, at: string, declared: Declared): readonly Problem[] {
  const here = `${at}/extensions`;
  const given = extensionsOf(spec);
  const problems = given.flatMap(({ name, settings }) =>
    KEY_MANAGER_PROVIDERS[name].problems(settings, `${here}/${name}`, declared),
  );
  if (given.length < 2) return problems;
  const names = given.map(({ name }) => name).join(' and ');
  return [{ path: here, reason: `at most one key manager is expected, ${names} are given` }, ...problems];
}

/** The choice of a spec; undefined: sealed. Throws InvalidConfigError for one that is not valid here and now. */
export function readKeyManagerSection(spec: unknown, declared: Declared): KeyManagerChoice | undefined {
  const problems = keyManagerSectionProblems(spec, '/spec', declared);
  if (problems.length > 0) throw new InvalidConfigError('section KeyManager', problems);
  return extensionsOf(spec)[0];
}

/** The extensions that are set. An empty string or null is unset, as in every configuration of this project; `{}` is set. */
function extensionsOf(spec: unknown): readonly KeyManagerChoice[] {
  const { extensions } = (spec ?? {}) as { extensions?: unknown };
  const given = (extensions ?? {}) as Readonly<Partial<Record<ProviderName, unknown>>>;
  return NAMES.flatMap((name): KeyManagerChoice[] => {
    const settings = given[name];
    if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) return [];
    return [{ name, settings: withoutUnset(settings) }];
  });
}

function withoutUnset(settings: object): ExtensionSettings {
  const set = Object.entries(settings).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return Object.fromEntries(
    set.map(([key, value]: [string, unknown]) => {
      const nested = typeof value === 'object' && value !== null && !Array.isArray(value);
      return [key, nested ? withoutUnset(value) : value];
    }),
  );
}
