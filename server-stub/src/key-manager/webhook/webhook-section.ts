import { hostProblem } from 'spirl-agent/runtime/declared-hosts.js';
import { parseDuration } from 'spirl-agent/runtime/duration.js';
import type { Problem } from 'spirl-agent/runtime/problems.js';
import type { Declared, ExtensionSettings } from '../provider.js';

const DEFAULT_TIMEOUT_MS = 10_000;
/** An operator's command has 120 s for everything. */
const TIMEOUT = { min: 100, max: 60_000 };

/** `spec.extensions.webhook` of the section KeyManager, read. */
export interface WebhookSettings {
  /** Base; `/keys` lies below it. */
  readonly webhookURL: string;
  /** For each call. */
  readonly timeoutMs: number;
  /** PEM file: only its authorities vouch for the webhook; absent: those of the system. */
  readonly caCertPath?: string;
  /** File with a token for `Authorization: Bearer`. */
  readonly bearerTokenPath?: string;
}

const TEXT = { type: 'string' } as const;

/** JSON Schema of `spec.extensions.webhook`; what it cannot say is in `webhookProblems`. */
export const WEBHOOK_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['webhookURL'],
  properties: {
    webhookURL: { ...TEXT, description: 'the https URL of a declared host' },
    caCertPath: { ...TEXT, description: 'the path of a file with authorities' },
    timeout: { ...TEXT, description: 'a duration from 100ms to 1m' },
    bearerTokenPath: { ...TEXT, description: 'the path of a file with a token' },
  },
} as const;

/** What the schema cannot say of settings, as JSON Pointers below `at`; nothing about values whose type is wrong. */
export function webhookProblems(settings: ExtensionSettings, at: string, declared: Declared): readonly Problem[] {
  const { webhookURL, caCertPath, bearerTokenPath, timeout } = textsOf(settings);
  const reasons = {
    webhookURL: webhookURL && hostProblem(webhookURL, declared.webhookHosts),
    caCertPath: caCertPath && declared.files.problem(caCertPath),
    bearerTokenPath: bearerTokenPath && declared.files.problem(bearerTokenPath),
    timeout: timeout && timeoutProblem(timeout),
  };
  return Object.entries(reasons).flatMap(([field, reason]) =>
    reason === undefined ? [] : [{ path: `${at}/${field}`, reason }],
  );
}

/** Settings without problems, with their defaults. */
export function readWebhookSettings(settings: ExtensionSettings): WebhookSettings {
  const { webhookURL = '', timeout, caCertPath, bearerTokenPath } = textsOf(settings);
  return Object.freeze({
    webhookURL,
    timeoutMs: (timeout === undefined ? undefined : parseDuration(timeout)) ?? DEFAULT_TIMEOUT_MS,
    ...(caCertPath !== undefined && { caCertPath }),
    ...(bearerTokenPath !== undefined && { bearerTokenPath }),
  });
}

type Field = keyof (typeof WEBHOOK_SCHEMA)['properties'];

function textsOf(settings: ExtensionSettings): Readonly<Partial<Record<Field, string>>> {
  const set = Object.entries(settings).filter(([, value]) => typeof value === 'string' && value !== '');
  return Object.fromEntries(set);
}

function timeoutProblem(timeout: string): string | undefined {
  const ms = parseDuration(timeout);
  if (ms !== undefined && ms >= TIMEOUT.min && ms <= TIMEOUT.max) return undefined;
  return 'a duration from 100ms to 1m is expected';
}
