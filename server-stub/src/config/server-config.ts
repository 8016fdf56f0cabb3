import { formatDuration } from 'spirl-agent/runtime/duration.js';
import { Problems } from 'spirl-agent/runtime/problems.js';
import { overlaySettings, type SettingOverrides } from 'spirl-agent/runtime/settings-overlay.js';
import { readSettings, type Parsed } from 'spirl-agent/runtime/settings.js';
import { parseYaml } from 'spirl-agent/runtime/yaml-document.js';
import type { SectionType } from './managed-section.js';
import { SERVER_SETTINGS } from './server-settings.js';
import { lookAtStartSections } from './start-sections.js';

type Settings = Parsed<typeof SERVER_SETTINGS>;

/** The automatic schedule of keysets, milliseconds. */
export interface KeysetSchedule {
  readonly lifetime: number;
  /** How long before the active keyset's end its successor is prepared. */
  readonly preparationThreshold: number;
  /** Age at which a successor may be activated by the schedule. */
  readonly activationThreshold: number;
}

/** The server's configuration: frozen, with every default in it; durations in milliseconds. */
export interface ServerConfig extends Omit<Settings, 'keyset' | 'bootstrapFile' | 'bundlePath'> {
  readonly keyset: KeysetSchedule;
  readonly bootstrapFile: string;
  readonly bundlePath: string;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const TTL_MAX_MS = 168 * HOUR_MS;
/** A shorter keyset could not outlive the SVIDs that its successor replaces. */
const LIFETIME_MIN_MS = 24 * HOUR_MS;

/** The sections that may stand in the file, as the file's own other settings allow them. */
export type SectionTypesOf = (settings: Pick<ServerConfig, 'svid' | 'labTtl' | 'extensions'>) => readonly SectionType[];

/**
 * Parses the text of a configuration file (YAML or JSON). `overrides`, from the command line, win; they are keyed by the
 * setting's dotted name. `source` names the file in errors; without `sectionTypes` nobody has looked into `managedConfig` yet. Throws
 * InvalidConfigError with everything that is wrong.
 */
export function parseServerConfig(
  text: string,
  overrides: SettingOverrides = {},
  source = 'server configuration',
  sectionTypes?: SectionTypesOf,
): ServerConfig {
  const problems = new Problems();
  const document = overlaySettings(parseYaml(text, source), overrides);
  const settings = readSettings(SERVER_SETTINGS, document, problems);
  // What has to fit together is looked at only when each part is right.
  const right = (...groups: readonly string[]): boolean =>
    !problems.all.some(({ path }) => path === '' || groups.includes(path.split('/')[1] ?? ''));
  const keyset = scheduleOf(settings.keyset);
  if (right('keyset', 'labTtl')) checkSchedule(keyset, settings.labTtl, problems);
  if (right('svid', 'labTtl')) checkLifetimes(settings, problems);
  checkKeyWrapping(document, problems);
  if (sectionTypes !== undefined) {
    const id = settings.trustDomainDeployment.id ?? '';
    const sections = lookAtStartSections(settings.managedConfig, id, sectionTypes(settings));
    for (const { path, reason } of sections.problems) problems.add(path, reason);
  }
  problems.throwIfAny(source);
  return Object.freeze({
    ...settings,
    keyset,
    bootstrapFile: settings.bootstrapFile ?? `${settings.stateDir}/bootstrap.pem`,
    bundlePath: settings.bundlePath ?? `${settings.stateDir}/bundle.pem`,
  });
}

function scheduleOf({ lifetime, preparationThreshold, activationThreshold }: Settings['keyset']): KeysetSchedule {
  return Object.freeze({
    lifetime,
    // 336h and 168h of 2160h; a keyset that lives shorter is succeeded in proportion.
    preparationThreshold: preparationThreshold ?? Math.floor((lifetime * 14) / 90),
    activationThreshold: activationThreshold ?? Math.floor((lifetime * 7) / 90),
  });
}

function checkSchedule(keyset: KeysetSchedule, lab: boolean, problems: Problems): void {
  const { lifetime, preparationThreshold, activationThreshold } = keyset;
  if (!lab && lifetime < LIFETIME_MIN_MS) {
    problems.add(
      '/keyset/lifetime',
      `at least ${formatDuration(LIFETIME_MIN_MS)} is expected (less with labTtl: true)`,
    );
  }
  if (preparationThreshold >= lifetime) {
    const most = formatDuration(lifetime);
    problems.add('/keyset/preparationThreshold', `less than keyset.lifetime (${most}) is expected`);
  }
  if (activationThreshold >= preparationThreshold) {
    const most = formatDuration(preparationThreshold);
    problems.add(
      '/keyset/activationThreshold',
      `less than keyset.preparationThreshold (${most}) is expected, or a successor is not old enough when it is needed`,
    );
  }
}

function checkLifetimes({ svid, labTtl }: Settings, problems: Problems): void {
  if (labTtl) return;
  for (const [key, min] of [['x509TTL', HOUR_MS] as const, ['jwtTTL', 5 * MINUTE_MS] as const]) {
    if (svid[key] >= min) continue;
    const range = `${formatDuration(min)} to ${formatDuration(TTL_MAX_MS)}`;
    problems.add(`/svid/${key}`, `a duration from ${range} is expected (down to 10s with labTtl: true)`);
  }
}

/** Exactly one service wraps keys; looked at in the document, so that it is told together with what is wrong in either. */
function checkKeyWrapping(document: unknown, problems: Problems): void {
  const { aws, azure } = (document ?? {}) as {
    aws?: { kmsKeyARN?: unknown };
    azure?: { keyVault?: { url?: unknown; keyName?: unknown; keyVersion?: unknown } };
  };
  const { url, keyName, keyVersion } = azure?.keyVault ?? {};
  if (isSet(aws?.kmsKeyARN) && isSet(url)) {
    problems.add(
      '',
      'aws.kmsKeyARN and azure.keyVault.url exclude each other: keys are wrapped by exactly one service',
    );
  }
  if (isSet(url) && !isSet(keyName)) {
    problems.add('/azure/keyVault/keyName', 'the name of a key is required with azure.keyVault.url');
  }
  if (!isSet(url) && (isSet(keyName) || isSet(keyVersion))) {
    problems.add('/azure/keyVault/url', 'the URL of a Managed HSM is required with azure.keyVault.keyName');
  }
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}
