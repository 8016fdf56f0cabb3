import { InvalidConfigError, Problems, type Problem } from 'spirl-agent/runtime/problems.js';
import { REGISTERED_CLAIMS, type ClaimTemplate } from './claims-template.js';
import { IssuancePolicy, type Branch, type Condition, type Override } from './issuance-policy.js';
import { PathTemplate } from './path-template.js';
import { DEFAULT_PATH_TEMPLATES, TTL_MAX_MS, TTL_MIN_MS, type PolicyOptions } from './policy-options.js';
import { SpecReader } from './spec-reader.js';
import { SubjectTemplate } from './subject-template.js';
import { isAttributeName, parseTemplate } from './template.js';

const SECTION = 'SVIDIssuancePolicy';
const MAX_OVERRIDES = 256;
const MAX_CONDITIONS = 32;
const MAX_CLAIMS = 64;
const MAX_TEXT_BYTES = 4096;
/** Workload API 5.2.1. */
const MAX_HINT_BYTES = 1024;
const CLAIM_NAME = /^[^\p{Cc}\p{Cs}]{1,128}$/u;

/** Compiles the `spec` of an SVIDIssuancePolicy section; undefined: the defaults alone. Throws InvalidConfigError with all problems. */
export function compilePolicy(spec: unknown, options: PolicyOptions): IssuancePolicy {
  const problems = new Problems();
  const policy = compile(new SpecReader(spec, '', problems, ['policy', 'policyOverrides']), options);
  if (problems.all.length > 0) throw new InvalidConfigError(SECTION, problems.all);
  return policy;
}

/** Everything that is wrong with a `spec`, as JSON Pointers below `at`. */
export function policyProblems(spec: unknown, options: PolicyOptions, at = ''): readonly Problem[] {
  const problems = new Problems();
  compile(new SpecReader(spec, at, problems, ['policy', 'policyOverrides']), options);
  return problems.all;
}

function compile(spec: SpecReader, options: PolicyOptions): IssuancePolicy {
  const base = compileBranch(spec, options);
  const overrides = spec
    .mappings('policyOverrides', ['when', 'policy'], MAX_OVERRIDES)
    .map((override): Override => ({ when: compileConditions(override), branch: compileBranch(override, options) }));
  return new IssuancePolicy(base, overrides);
}

/** The field `policy` of the base or of an override; what it leaves out is the default, not what the base says. */
function compileBranch(holder: SpecReader, options: PolicyOptions): Branch {
  const policy = holder.mapping('policy', ['pathTemplate', 'x509', 'jwt', 'hint']);
  const x509 = policy.mapping('x509', ['ttl', 'subject']);
  const jwt = policy.mapping('jwt', ['ttl', 'additionalClaims']);
  const min = TTL_MIN_MS[options.ttlFloor];
  const path = policy.text('pathTemplate', MAX_TEXT_BYTES);
  const subject = x509.text('subject', MAX_TEXT_BYTES);
  const compiledPath = path === undefined ? undefined : policy.compiled('pathTemplate', () => new PathTemplate(path));
  return {
    path: compiledPath ?? new PathTemplate(DEFAULT_PATH_TEMPLATES[options.platform]),
    subject: subject === undefined ? undefined : x509.compiled('subject', () => new SubjectTemplate(subject)),
    x509TtlMs: x509.duration('ttl', { min: min.x509, max: TTL_MAX_MS, fallback: options.x509TtlMs }),
    jwtTtlMs: jwt.duration('ttl', { min: min.jwt, max: TTL_MAX_MS, fallback: options.jwtTtlMs }),
    claims: compileClaims(jwt.dictionary('additionalClaims')),
    hint: policy.text('hint', MAX_HINT_BYTES) ?? '',
  };
}

function compileConditions(override: SpecReader): readonly Condition[] {
  const when = override.dictionary('when');
  if (when.entries.length === 0 || when.entries.length > MAX_CONDITIONS) {
    override.problem('when', `a mapping of 1 to ${MAX_CONDITIONS} attributes to values is expected`);
  }
  return when.entries.flatMap(([attribute, value]) => {
    if (!isAttributeName(attribute)) when.problem(attribute, 'the name of an attribute is expected');
    // YAML reads `linux.user.id: 1000` as a number.
    else if (typeof value === 'number' || typeof value === 'boolean') return { attribute, value: `${value}` };
    else if (typeof value === 'string' && value !== '') return { attribute, value };
    else when.problem(attribute, 'a value is expected: text, a number or a boolean');
    return [];
  });
}

function compileClaims(claims: SpecReader): ReadonlyMap<string, ClaimTemplate> {
  if (claims.entries.length > MAX_CLAIMS) claims.problem(undefined, `at most ${MAX_CLAIMS} claims are expected`);
  const compiled = new Map<string, ClaimTemplate>();
  for (const [name, value] of claims.entries) {
    const claim = compileClaim(claims, name, value);
    if (claim !== undefined) compiled.set(name, claim);
  }
  return compiled;
}

function compileClaim(claims: SpecReader, name: string, value: unknown): ClaimTemplate | undefined {
  if (REGISTERED_CLAIMS.has(name)) {
    claims.problem(name, `${[...REGISTERED_CLAIMS].join(', ')} cannot be overridden`);
  } else if (!CLAIM_NAME.test(name)) {
    claims.problem(name, 'a claim name of 1 to 128 characters without controls is expected');
  } else if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) {
    return { constant: value };
  } else if (typeof value === 'string') {
    return claims.compiled(name, () => ({ template: parseTemplate(value) }));
  } else {
    claims.problem(name, 'text (with {{attribute}}), a number or a boolean is expected');
  }
  return undefined;
}
