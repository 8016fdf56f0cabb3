import { Ajv, type ErrorObject, type Schema } from 'ajv';
import type { Problem } from 'spirl-agent/runtime/problems.js';

/** More mistakes than anybody reads at once. */
const MAX_PROBLEMS = 50;

/** Everything about a value that a JSON Schema refuses, as JSON Pointers below `at`. Null and empty strings are unset. */
export function schemaCheck(schema: Schema): (value: unknown, at: string) => readonly Problem[] {
  const validate = new Ajv({ allErrors: true, strict: true, verbose: true }).compile(schema);
  return (value, at) => {
    if (validate(withoutUnset(value))) return [];
    return (validate.errors ?? []).slice(0, MAX_PROBLEMS).map((error) => problemOf(error, at));
  };
}

/** A copy without the fields that are null or empty strings. Items of lists stay: their places are in the pointers. */
function withoutUnset(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUnset);
  if (typeof value !== 'object' || value === null) return value;
  const set = Object.entries(value).filter(([, field]) => field !== null && field !== '');
  return Object.fromEntries(set.map(([name, field]) => [name, withoutUnset(field)]));
}

function problemOf({ keyword, instancePath, params, parentSchema, message }: ErrorObject, at: string): Problem {
  const path = at + instancePath;
  switch (keyword) {
    case 'additionalProperties': {
      const name = String(params['additionalProperty']).slice(0, 200);
      const known = Object.keys((parentSchema as { properties?: object } | undefined)?.properties ?? {});
      const reason = known.length === 0 ? 'unknown setting' : `unknown setting (known: ${known.join(', ')})`;
      return { path: `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, reason };
    }
    case 'required':
      return { path: `${path}/${String(params['missingProperty'])}`, reason: 'is required' };
    case 'type':
      return { path, reason: `${TYPES[String(params['type'])] ?? String(params['type'])} is expected` };
    case 'enum':
      return { path, reason: `one of ${(params['allowedValues'] as readonly string[]).join(', ')} is expected` };
    default:
      return { path, reason: message ?? keyword };
  }
}

const TYPES: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  string: 'text',
  boolean: 'true or false',
};
