import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { filesBelow, projectRoot } from './source-tree.js';

const TEXT = /\.(ts|mjs|js|json|md|ya?ml|py|go|java|rs|sh|proto|toml|xml|txt|tpl)$|^(run|Dockerfile|LICENSE)$/;
const files = [
  ...filesBelow('.', (name) => TEXT.test(name)).filter((path) => !path.endsWith('package-lock.json')),
  ...filesBelow('.ci', (name) => TEXT.test(name)),
];

/** Written so that this file does not contain what it looks for. */
const word = (...parts: string[]): RegExp => new RegExp(parts.join(''));
const FORBIDDEN: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: 'a note to do something later', pattern: word('\\b(TO', 'DO|FIX', 'ME|XX', 'X)\\b') },
  { what: 'a path of one machine', pattern: word('(^|[\\s"\'`(=:])/(wo', 'rk|ro', 'ot|home/[a-z]+|opt/ts', '7)/') },
  { what: 'a switched-off lint rule', pattern: word('eslint-dis', 'able') },
  { what: 'a switched-off type check', pattern: word('@ts-(ig', 'nore|no', 'check|expect-', 'error)') },
];

for (const { what, pattern } of FORBIDDEN) {
  test(`no file holds ${what}`, (t) => {
    const found = [...new Set(files)].flatMap((path) =>
      readFileSync(join(projectRoot, path), 'utf8')
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim().slice(0, 100)}`] : [])),
    );
    t.deepEqual(found, []);
  });
}
