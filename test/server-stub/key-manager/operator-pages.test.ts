import { readFileSync } from 'node:fs';
import test from 'ava';
import { schemaCheck } from '../../../server-stub/src/config/json-schema.js';
import { pkcs11Problems, PKCS11_SCHEMA } from '../../../server-stub/src/key-manager/pkcs11/pkcs11-section.js';
import { webhookProblems, WEBHOOK_SCHEMA } from '../../../server-stub/src/key-manager/webhook/webhook-section.js';
import { DeclaredFiles } from '../../../src/runtime/declared-files.js';
import { parseYaml } from '../../../src/runtime/yaml-document.js';

const pages = [
  { name: 'pkcs11', schema: PKCS11_SCHEMA, problems: pkcs11Problems },
  { name: 'webhook', schema: WEBHOOK_SCHEMA, problems: webhookProblems },
] as const;

interface Extensions {
  readonly modules?: readonly string[];
  readonly secretDirectories: readonly string[];
  readonly webhookHosts?: readonly string[];
}

for (const { name, schema, problems } of pages) {
  test(`the two configurations on the operator's page of ${name} fit each other`, (t) => {
    const file = new URL(`../../../../docs/operations/key-manager-${name}.md`, import.meta.url);
    const blocks = readFileSync(file, 'utf8').match(/```yaml\n[\s\S]*?```/g) ?? [];
    const parsed = blocks.map((block) => parseYaml(block.replace(/^```yaml\n|```$/g, ''), name));
    const [{ extensions }, { spec }] = parsed as [
      { extensions: Extensions },
      { spec: { extensions: Record<string, Record<string, unknown>> } },
    ];
    const settings = spec.extensions[name] ?? {};
    const { modules = [], webhookHosts = [], secretDirectories } = extensions;
    const declared = {
      modules,
      webhookHosts,
      pkcs11Problem: () => undefined,
      files: new DeclaredFiles(secretDirectories),
    };
    t.deepEqual([...schemaCheck(schema)(settings, ''), ...problems(settings, '', declared)], []);
  });
}
