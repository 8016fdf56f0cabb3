import { parseDuration } from 'spirl-agent/runtime/duration.js';
import { InvalidConfigError, type Problem } from 'spirl-agent/runtime/problems.js';
import type { AwsPcaSettings } from './aws-pca/aws-pca-issuer.js';
import { parsePcaArn, ROLE_ARN } from './aws-pca/pca-arn.js';
import type { DiskSettings } from './disk/disk-issuer.js';
import type { Declared } from './upstream-parts.js';
import { hostProblem } from 'spirl-agent/runtime/declared-hosts.js';
import type { WebhookSettings } from './webhook/webhook-issuer.js';

const DEFAULT_TIMEOUT_MS = 10_000;
/** An operator's command has 120 s for everything. */
const TIMEOUT = { min: 100, max: 60_000 };

/** Which authority a section UpstreamAuthority names, with its settings. */
export type UpstreamChoice =
  | { readonly use: 'selfSigned' }
  | { readonly use: 'awsPca'; readonly settings: AwsPcaSettings }
  | { readonly use: 'disk'; readonly settings: DiskSettings }
  | { readonly use: 'webhook'; readonly settings: WebhookSettings };

type Texts = Readonly<Partial<Record<string, string>>>;
type Named = Exclude<UpstreamChoice['use'], 'selfSigned'>;
const NAMES: readonly Named[] = ['awsPca', 'disk', 'webhook'];

/** What a structure (see `upstream-schemas.ts`) cannot say of a spec, as JSON Pointers below `at`; nothing about values of a wrong type. */
export function upstreamSectionProblems(spec: unknown, at: string, declared: Declared): readonly Problem[] {
  const given = extensionsOf(spec);
  const here = `${at}/extensions`;
  const problems = given.flatMap(([name, fields]) =>
    FORMS[name].flatMap(([field, problemOf]): Problem[] => {
      const value = fields[field];
      const reason = value === undefined ? undefined : problemOf(value, declared);
      return reason === undefined ? [] : [{ path: `${here}/${name}/${field}`, reason }];
    }),
  );
  if (given.length < 2) return problems;
  const names = given.map(([name]) => name).join(' and ');
  return [{ path: here, reason: `at most one upstream authority is expected, ${names} are given` }, ...problems];
}

/** The choice of a spec; nothing given means self-signed. Throws InvalidConfigError for one that is not valid here and now. */
export function readUpstreamSection(spec: unknown, declared: Declared): UpstreamChoice {
  const problems = upstreamSectionProblems(spec, '/spec', declared);
  if (problems.length > 0) throw new InvalidConfigError('section UpstreamAuthority', problems);
  const [[use, fields] = []] = extensionsOf(spec);
  if (use === undefined || fields === undefined) return { use: 'selfSigned' };
  const missing = REQUIRED[use].filter((field) => fields[field] === undefined);
  if (missing.length > 0) {
    const absent = missing.map((field) => ({ path: `/spec/extensions/${use}/${field}`, reason: 'is required' }));
    throw new InvalidConfigError('section UpstreamAuthority', absent);
  }
  if (use !== 'webhook') return { use, settings: fields } as unknown as UpstreamChoice;
  const { timeout, ...rest } = fields;
  const timeoutMs = (timeout === undefined ? undefined : parseDuration(timeout)) ?? DEFAULT_TIMEOUT_MS;
  return { use, settings: { ...(rest as { webhookURL: string }), timeoutMs } };
}

/** The extensions that are set. An empty string or null is unset, as in every configuration of this project. */
function extensionsOf(spec: unknown): readonly (readonly [Named, Texts])[] {
  const { extensions } = (spec ?? {}) as { extensions?: unknown };
  const given = (extensions ?? {}) as Readonly<Partial<Record<Named, unknown>>>;
  return NAMES.flatMap((name): (readonly [Named, Texts])[] => {
    const fields = given[name];
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return [];
    const texts = Object.entries(fields).filter(
      (field): field is [string, string] => typeof field[1] === 'string' && field[1] !== '',
    );
    return [[name, Object.fromEntries(texts)]];
  });
}

const REQUIRED = {
  awsPca: ['certificateAuthorityArn'],
  disk: ['certFilePath', 'keyFilePath'],
  webhook: ['webhookURL'],
} as const satisfies Record<Named, readonly string[]>;

type Form = (value: string, declared: Declared) => string | undefined;

const path: Form = (value, { files }) => files.problem(value);
const form =
  (accepts: (value: string) => boolean, expected: string): Form =>
  (value) =>
    accepts(value) ? undefined : `${expected} is expected`;

/** What each field must look like, beyond its type. */
const FORMS: Readonly<Record<Named, readonly (readonly [string, Form])[]>> = {
  awsPca: [
    [
      'certificateAuthorityArn',
      form(
        (value) => parsePcaArn(value) !== undefined,
        'the ARN of a Private CA (arn:aws:acm-pca:<region>:<account>:certificate-authority/<id>)',
      ),
    ],
    ['region', form((value) => /^[a-z]{2,}(-[a-z]+)+-\d+$/.test(value), 'a region (us-east-1)')],
    [
      'assumeRoleArn',
      form((value) => ROLE_ARN.test(value), 'the ARN of an IAM role (arn:aws:iam::<account>:role/<name>)'),
    ],
  ],
  disk: [
    ['certFilePath', path],
    ['keyFilePath', path],
    ['bundleFilePath', path],
  ],
  webhook: [
    ['webhookURL', (value, { webhookHosts }) => hostProblem(value, webhookHosts)],
    ['caCertPath', path],
    ['bearerTokenPath', path],
    [
      'timeout',
      form((value) => {
        const ms = parseDuration(value);
        return ms !== undefined && ms >= TIMEOUT.min && ms <= TIMEOUT.max;
      }, 'a duration from 100ms to 1m'),
    ],
  ],
};
