import test from 'ava';
import { readSectionDocuments } from '../../server-stub/src/config/managed-document.js';
import { parseServerConfig } from '../../server-stub/src/config/server-config.js';
import { sectionTypesOf } from '../../server-stub/src/deployment-sections.js';
import { parseAgentConfig } from '../../src/config/agent-config.js';
import { parseYaml } from '../../src/runtime/yaml-document.js';
import { blocksOf, operationsPages, PAGES_RUN, pageText } from './operations-pages.js';

// What operators read: each command is run by test/parts/operations or says that it is not, and each configuration is one that is accepted.

const LANGUAGES = ['sh', 'text', 'yaml', 'json'];
/** Programs of others that nobody can run here. */
const CLOUD = /^\s*(aws|az|apt-get)\s/m;
const OURS = /\b(spirlctl|spirldbg|spirl-server|spirl-agent|softhsm2-util|pkcs11-tool|curl)\b/;

test('a block knows its place, its language and whether it is run', (t) => {
  const page = "1. Do\n\n   > Not run by this project's tests: needs a cloud.\n\n   ```sh\n   aws x\n     y\n   ```\n```text\nz\n```\n";
  t.deepEqual(blocksOf(page), [
    { line: 5, language: 'sh', text: 'aws x\n  y', notRun: 'needs a cloud.' },
    { line: 9, language: 'text', text: 'z' },
  ]);
  t.throws(() => blocksOf('```sh\na\n'), { message: /line 1 is never closed/ });
});

for (const page of operationsPages()) {
  const blocks = blocksOf(pageText(page));
  if (blocks.length === 0) continue;
  const runs = (PAGES_RUN as readonly string[]).includes(page);

  test(`${page}: every block says what it is, and every command is run or says that it is not`, (t) => {
    for (const { line, language, text, notRun } of blocks) {
      const place = `line ${line}`;
      t.true(LANGUAGES.includes(language), `${place}: one of ${LANGUAGES.join(', ')} is expected after the fence`);
      if (language !== 'sh') t.false(OURS.test(text) && /^ *(spirlctl|curl|node) /m.test(text), `${place}: commands are sh`);
      if (language !== 'sh') continue;
      t.true(runs || notRun !== undefined, `${place}: no test runs this page, and the block is not marked`);
      t.is(notRun !== undefined, CLOUD.test(text), `${place}: exactly the commands of clouds and packages are marked as not run`);
      if (notRun !== undefined) t.notRegex(text, OURS, `${place}: what can be run has to be`);
    }
  });

  if (/^(key-manager|key-wrapping|upstream)-/.test(page)) {
    test(`${page}: permissions, steps, how to verify, what fails and what is proven are all there`, (t) => {
      const text = pageText(page);
      for (const part of [/\b[Pp]ermissions?\b/, /^## Steps$/m, /\b[Vv]erify\b/, /^## What is proven, and what is not$/m]) {
        t.regex(text, part);
      }
      const [, failures = ''] = /^## (?:Failures|When it fails)\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(text) ?? [];
      t.true(failures.split('\n').filter((line) => line.startsWith('| ')).length >= 6, 'a table of failures');
    });
  }

  const documents = blocks.filter(({ language }) => language === 'yaml').map(({ text }) => text.replaceAll('…', '1'));
  if (documents.length === 0) continue;
  test(`${page}: every configuration is accepted as it stands`, (t) => {
    const parsed = documents.map((text) => ({ text, value: parseYaml(text, page) as Record<string, unknown> }));
    const extensions = parsed.find(({ value }) => 'extensions' in value)?.value['extensions'] ?? {};
    const base = { trustDomainDeployment: { trustDomainName: 'example.org' }, extensions };
    const { svid, labTtl, extensions: declared } = parseServerConfig(JSON.stringify(base));
    const types = sectionTypesOf({ svid, labTtl, extensions: declared }, () => undefined);
    for (const { text, value } of parsed) {
      if ('section' in value) {
        const scope = { kind: 'trust-domain-deployment', id: 'tdd-1' } as const;
        t.deepEqual(readSectionDocuments([text], scope, types).problems, []);
      } else if ('agent' in value) {
        t.notThrows(() => parseAgentConfig(text));
      } else {
        t.notThrows(() => parseServerConfig(JSON.stringify({ ...base, ...value }), {}, page, (settings) => sectionTypesOf(settings, () => undefined)));
      }
    }
  });
}
