import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import ts from 'typescript';
import { projectRoot } from './source-tree.js';

/** What comes with importing a file: the project's own compiled files, and the packages that they name. */
export interface Loaded {
  readonly files: readonly string[];
  /** As they are written; sorted. */
  readonly packages: readonly string[];
}

/**
 * Follows the imports of the compiled file `entry` (relative to the clone) that happen whenever it is loaded. Imports on demand, and those of
 * types, which the compiler has left out, are not followed.
 */
export function loadedWith(entry: string): Loaded {
  const files = new Set([entry]);
  const packages = new Set<string>();
  for (const file of files) {
    for (const specifier of importsAtLoad(file)) {
      const target = resolve(file, specifier);
      if (target !== undefined) files.add(target);
      else if (!isBuiltin(specifier)) packages.add(specifier);
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

function importsAtLoad(path: string): string[] {
  const at = join(projectRoot, path);
  if (!existsSync(at)) throw new Error(`${path} is not compiled`);
  const syntax = ts.createSourceFile(path, readFileSync(at, 'utf8'), ts.ScriptTarget.ES2022, false, ts.ScriptKind.JS);
  return syntax.statements.flatMap((statement) =>
    (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) && statement.moduleSpecifier !== undefined
      ? [(statement.moduleSpecifier as ts.StringLiteral).text]
      : [],
  );
}

function resolve(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  return specifier.startsWith('spirl-agent/') ? specifier.replace('spirl-agent/', 'build/src/') : undefined;
}
