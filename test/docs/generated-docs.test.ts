import test from 'ava';
import { GENERATED_DOCS, presentText } from './generated-docs.js';

for (const doc of GENERATED_DOCS) {
  test(`${doc.path} says what the code does`, (t) => {
    t.true(presentText(doc) === doc.text(), `${doc.path} is out of date: run \`npm run docs\` (node build/test/docs/write-docs.js)`);
  });
}
