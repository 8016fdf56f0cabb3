import { Ajv, type ErrorObject, type Schema } from 'ajv';
import type { Problem } from 'spirl-agent/runtime/problems.js';

/** More mistakes than anybody reads at once. */
const MAX_PROBLEMS = 50;

/**
 * Everything about a value that a JSON Schema refuses, as JSON Pointers below `at`. Null and empty strings are unset. A field's `description`
 * is what is told to be expected there.
 */
export function schemaCheck(schema: Schema): (value: unknown, at: string) => readonly Problem[] {
  const validate = new Ajv({ allErrors: true, strict: true, verbose: true }).compile(schema);
  return (value, at) => {
    if (validate(withoutUnset(value))) return [];
    return onePerValue(validate.errors ?? [])
      .slice(0, MAX_PROBLEMS)
      .map((error) => problemOf(error, at));
  };
}

/** A value of another type is not also out of range, and one of a list of values is told the list. */
function onePerValue(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const at = (keyword: string) =>
    new Set(errors.filter((error) => error.keyword === keyword).map(({ instancePath }) => instancePath));
  const [mistyped, outsideList] = [at('type'), at('enum')];
  return errors.filter(({ keyword, instancePath }) => {
    if (keyword === 'type') return !outsideList.has(instancePath);
    return keyword === 'enum' || keyword === 'required' || !mistyped.has(instancePath);
  });
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
    case 'required': {
      const name = String(params['missingProperty']);
      const what = descriptionOf((parentSchema as Described | undefined)?.properties?.[name]);
      return { path: `${path}/${name}`, reason: what === undefined ? 'is required' : `${what} is required` };
    }
    case 'type': {
      const what = descriptionOf(parentSchema);
      const type = TYPES[String(params['type'])] ?? String(params['type']);
      return { path, reason: what === undefined ? `${type} is expected` : `${type} is expected: ${what}` };
    }
    case 'minimum':
      return { path, reason: `at least ${String(params['limit'])} is expected` };
    case 'maximum':
      return { path, reason: `at most ${String(params['limit'])} is expected` };
    case 'enum':
      return { path, reason: `one of ${(params['allowedValues'] as readonly string[]).join(', ')} is expected` };
    default:
      return { path, reason: message ?? keyword };
  }
}

/** What a schema says of a field for people. */
interface Described {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Described>>;
}

function descriptionOf(schema: unknown): string | undefined {
  return (schema as Described | undefined)?.description;
}

const TYPES: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  string: 'text',
  boolean: 'true or false',
  integer: 'a whole number',
};
