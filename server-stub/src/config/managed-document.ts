import { InvalidConfigError, type Problem } from 'spirl-agent/runtime/problems.js';
import { parseYaml } from 'spirl-agent/runtime/yaml-document.js';
import { schemaCheck } from './json-schema.js';
import type { ConfigScope, SectionType } from './managed-section.js';

/** A document of the form section, schema, spec. */
export interface SectionDocument {
  readonly section: string;
  readonly schema: string;
  readonly spec: unknown;
}

/** A mistake in one of several documents. */
export interface SectionProblem extends Problem {
  /** The section's name, or `document 2` for one that does not tell it. */
  readonly section: string;
}

const checkEnvelope = schemaCheck({
  type: 'object',
  additionalProperties: false,
  required: ['section', 'schema'],
  properties: { section: { type: 'string' }, schema: { type: 'string' }, spec: { type: 'object' } },
});

/** Parses one document's YAML and its envelope. `name` stands for it in errors. Throws InvalidConfigError. */
export function parseSectionDocument(text: string, name: string): SectionDocument {
  const value = parseYaml(text, name) as SectionDocument;
  const problems = checkEnvelope(value, '');
  if (problems.length > 0) throw new InvalidConfigError(name, problems);
  return { section: value.section, schema: value.schema, spec: isUnset(value.spec) ? {} : value.spec };
}

/** Reads documents for one scope. Nothing is thrown: all that is wrong with any of them is in `problems`. */
export function readSectionDocuments(
  texts: readonly string[],
  scope: ConfigScope,
  types: readonly SectionType[],
): { readonly documents: readonly SectionDocument[]; readonly problems: readonly SectionProblem[] } {
  const problems: SectionProblem[] = [];
  const documents: SectionDocument[] = [];
  texts.forEach((text, index) => {
    const name = `document ${index + 1}`;
    const { document, problems: found } = openEnvelope(text, name);
    const add = (more: readonly Problem[]): void => {
      problems.push(...more.map((problem) => ({ section: document?.section ?? name, ...problem })));
    };
    add(found);
    if (document === undefined) return;
    const twice = documents.some(({ section }) => section === document.section);
    documents.push(document);
    if (twice) add([{ path: '/section', reason: 'the same section is given twice' }]);
    else add(checkDocument(document, scope, types).filter(({ path }) => !found.some((known) => known.path === path)));
  });
  return { documents, problems };
}

/** A document as far as it can be read, and what is wrong with its envelope. */
function openEnvelope(
  text: string,
  name: string,
): { readonly document: SectionDocument | undefined; readonly problems: readonly Problem[] } {
  try {
    const value = parseYaml(text, name) as Partial<Record<keyof SectionDocument, unknown>> | undefined;
    const problems = checkEnvelope(value, '');
    const { section, schema, spec } = value ?? {};
    if (typeof section !== 'string' || section === '') return { document: undefined, problems };
    const readable = typeof spec === 'object' && spec !== null && !Array.isArray(spec);
    return { document: { section, schema: String(schema), spec: readable ? spec : {} }, problems };
  } catch (error) {
    if (!(error instanceof InvalidConfigError)) throw error;
    return { document: undefined, problems: error.problems };
  }
}

function checkDocument(
  { section, schema, spec }: SectionDocument,
  scope: ConfigScope,
  types: readonly SectionType[],
): readonly Problem[] {
  const here = types.filter(({ scopes }) => scopes.includes(scope.kind));
  const type = types.find(({ name }) => name === section);
  if (type === undefined) {
    const known = here.map(({ name }) => name).join(', ');
    return [{ path: '/section', reason: `unknown section (known for a ${scope.kind}: ${known})` }];
  }
  if (!type.scopes.includes(scope.kind)) {
    return [{ path: '/section', reason: `${section} belongs to the scope ${type.scopes.join(' or ')}` }];
  }
  const problems = type.check(spec, '/spec', scope);
  if (schema === type.schema) return problems;
  return [{ path: '/schema', reason: `schema ${type.schema} is expected` }, ...problems];
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}
