import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The clone, whether this runs from the sources or from `build/`. */
export const projectRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(from: string): string {
  return existsSync(join(from, 'package-lock.json')) ? from : findRoot(dirname(from));
}

/** One `import` or `export … from`, dynamic imports included. */
export interface Import {
  readonly specifier: string;
  /** Path of the imported file in the project; `undefined` for packages. */
  readonly target: string | undefined;
  readonly reExport: boolean;
  /** `import 'x'`: imported for what it does, not for a name. */
  readonly bare: boolean;
}

/** One TypeScript file; `path` is relative to the clone, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly lines: number;
  readonly syntax: ts.SourceFile;
  readonly imports: readonly Import[];
}

const NEVER = new Set(['node_modules', 'build', '.git', '.spirl', 'parts', 'results', 'dist', '__pycache__']);

/** Files below `folder` (relative to the clone) whose name passes; generated and installed folders are left out. */
export function filesBelow(folder: string, passes: (name: string) => boolean): string[] {
  const found: string[] = [];
  const at = join(projectRoot, folder);
  if (!existsSync(at)) return found;
  for (const entry of readdirSync(at, { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) {
      // `test/parts` holds tests, `.ci/parts` what they install.
      if (!NEVER.has(entry.name) || path === 'test/parts') found.push(...filesBelow(path, passes));
    } else if (passes(entry.name)) {
      found.push(path);
    }
  }
  return found.sort();
}

/** The TypeScript files below each folder, parsed. */
export function readSources(...folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => filesBelow(folder, (name) => name.endsWith('.ts')))
    .map((path) => readSource(path));
}

/** One file, parsed. `text` replaces what is on disk, for tests of the rules themselves. */
export function readSource(path: string, text?: string): SourceFile {
  const content = text ?? readFileSync(join(projectRoot, path), 'utf8');
  const syntax = ts.createSourceFile(path, content, ts.ScriptTarget.ES2022, true);
  return { path, lines: content.trimEnd().split('\n').length, syntax, imports: importsOf(path, syntax) };
}

function importsOf(path: string, syntax: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, reExport: boolean, bare: boolean): void => {
    found.push({ specifier, target: resolve(path, specifier), reExport, bare });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add((node.moduleSpecifier as ts.StringLiteral).text, false, node.importClause === undefined);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add((node.moduleSpecifier as ts.StringLiteral).text, true, false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add((node.argument.literal as ts.StringLiteral).text, false, false);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument)) add(argument.text, false, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(syntax);
  return found;
}

function resolve(from: string, specifier: string): string | undefined {
  const asSource = (path: string): string => path.replace(/\.js$/, '.ts');
  if (specifier.startsWith('.')) return asSource(posix.join(posix.dirname(from), specifier));
  // The agent package's `exports` show its domain and runtime under these names.
  if (specifier.startsWith('spirl-agent/')) return asSource(specifier.replace('spirl-agent/', 'src/'));
  return undefined;
}
