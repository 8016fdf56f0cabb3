import test from 'ava';
import { readFileSync } from 'node:fs';
import { GENERATED_DOCS, presentText } from './generated-docs.js';
import { WRONG_CALLERS } from './wrong-callers.js';

for (const doc of GENERATED_DOCS) {
  test(`${doc.path} says what the code does`, (t) => {
    t.true(presentText(doc) === doc.text(), `${doc.path} is out of date: run \`npm run docs\` (node build/test/docs/write-docs.js)`);
  });
}

test('every wrong caller of the security page is shown by a test of that name', (t) => {
  for (const { test: shown } of WRONG_CALLERS) {
    const [file, title] = shown;
    t.true(readFileSync(new URL(`../../../test/${file}`, import.meta.url), 'utf8').includes(title), `${file}: ${title}`);
  }
});
