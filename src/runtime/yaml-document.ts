import { Composer, CST, LineCounter, Parser, isScalar, visit, type Document } from 'yaml';
import { InvalidConfigError, Problems } from './problems.js';

/** Largest document read, in bytes of UTF-8; parsing one of this size takes a fraction of a second. */
export const MAX_YAML_BYTES = 256 * 1024;
/** Deepest nesting read. The composer recurses, and a stack that ends inside it can end the whole process. */
const MAX_DEPTH = 32;
/** More mistakes than anybody reads at once. */
const MAX_PROBLEMS = 20;

/**
 * The value of one YAML (or JSON) document, `null` for an empty one. Throws InvalidConfigError naming `subject` (a file, a
 * section) and each mistake with its line. Refused besides bad syntax: duplicate keys, aliases (no bombs, no cycles),
 * custom tags, keys that are no plain words, more than MAX_YAML_BYTES, nesting deeper than 32.
 */
export function parseYaml(text: string, subject: string): unknown {
  const problems = new Problems();
  const refuse = (reason: string): never => {
    throw new InvalidConfigError(subject, [{ path: '', reason }]);
  };
  if (Buffer.byteLength(text) > MAX_YAML_BYTES) return refuse(`larger than ${MAX_YAML_BYTES} bytes`);
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  checkTokens(tokens, (offset, reason) => refuse(at(lines, offset) + reason));

  const documents = [...new Composer({ uniqueKeys: false, version: '1.2' }).compose(tokens, true, text.length)];
  const [document] = documents;
  if (document === undefined || documents.length > 1) return refuse('exactly one YAML document is expected');
  for (const { pos, message } of [...document.errors, ...document.warnings].slice(0, MAX_PROBLEMS)) {
    problems.add('', at(lines, pos[0]) + message);
  }
  checkKeys(document, (offset, reason) => {
    if (problems.all.length < MAX_PROBLEMS) problems.add('', at(lines, offset) + reason);
  });
  problems.throwIfAny(subject);
  return document.toJS({ maxAliasCount: 0 });
}

function at(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `line ${line}, column ${col}: `;
}

/** Walks the tokens without recursion: depth and aliases are bounded before anything recurses over them. */
function checkTokens(tokens: readonly CST.Token[], refuse: (offset: number, reason: string) => never): void {
  const open = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) refuse(token.offset, `nested deeper than ${MAX_DEPTH}`);
    if (token.type === 'alias') refuse(token.offset, 'aliases are not supported: write the value out');
    if (token.type === 'document' && token.value !== undefined) open.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      for (const child of [key, value]) if (child) open.push({ token: child, depth: depth + 1 });
    }
  }
}

/** The library compares each key with each other one; a set does the same in linear time. */
function checkKeys(document: Document.Parsed, report: (offset: number, reason: string) => void): void {
  visit(document, {
    Map: (_, { items, range }) => {
      const seen = new Set<string>();
      for (const { key } of items) {
        const offset = (key as { range?: readonly number[] | null } | null)?.range?.[0] ?? range?.[0] ?? 0;
        const value = isScalar(key) ? key.value : undefined;
        if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
          report(offset, 'a key must be a plain word');
          continue;
        }
        const name = String(value);
        if (seen.has(name)) report(offset, `duplicate key ${JSON.stringify(name.slice(0, 100))}`);
        seen.add(name);
      }
    },
  });
}
