import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { titleOf, type Cell } from './cells.js';
import { CUSTODIES } from './custodies.js';
import { demand, LabDeployment, sectionOf } from './lab-deployment.js';
import { Cleanup, startLab, type Lab } from './lab.js';
import { SecretWatch } from './secrets.js';
import { UPSTREAMS } from './upstreams.js';

// Everything that a deployment prints, answers and writes, searched for every secret that the run knows. Things are made to go wrong on purpose:
// secrets are pasted where they do not belong, are wrong, and services fail.

let lab: Lab;
test.before(async () => {
  lab = await startLab();
});
test.after.always(() => lab.stop());

test('the watch finds a secret in every encoding, names it and its writer, and no other', (t) => {
  const text = 'p@ss "word" 4711';
  const bytes = randomBytes(32);
  const written = [
    text,
    JSON.stringify({ pin: text }),
    encodeURIComponent(text),
    Buffer.from(text).toString('base64'),
    Buffer.from(text).toString('hex'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('latin1'),
  ];
  for (const said of written) {
    const secrets = new SecretWatch();
    secrets.know('the PIN', text);
    secrets.know('the key', bytes);
    secrets.watch('an innocent', () => 'nothing');
    secrets.watch('the culprit', () => `...${said}...`);
    t.throws(() => secrets.check(), { message: /^the culprit wrote the (PIN|key)$/ }, said);
  }
  const pem = new SecretWatch();
  pem.watch('the culprit', () => '-----BEGIN PRIVATE KEY-----');
  t.throws(() => pem.check(), { message: 'the culprit wrote a private key in PEM' });
});

const NO_SERVICE = { env: {}, down: () => Promise.resolve(), up: () => Promise.resolve() };

/** Between them: every custody with a secret of its own, and every upstream. */
const CASES: readonly Cell[] = [
  { custody: 'sealed', upstream: 'disk' },
  { custody: 'pkcs11', upstream: 'webhook' },
  { custody: 'webhook', upstream: 'selfSigned' },
  { custody: 'azureKeyVault', upstream: 'selfSigned' },
  { custody: 'awsWrapping', upstream: 'awsPca' },
  { custody: 'awsKMS', upstream: 'selfSigned' },
];

for (const cell of CASES) {
  test.serial(
    `${titleOf(cell).join(', ')}: no secret in logs, answers, metrics, files and commands' output`,
    async (t) => {
      t.timeout(240_000);
      const cleanup = new Cleanup();
      try {
        const keys = await CUSTODIES[cell.custody](lab, cleanup);
        const chain = await UPSTREAMS[cell.upstream](lab, cleanup);
        const sections = [
          ...(keys.extension === undefined ? [] : [sectionOf('KeyManager', keys.extension)]),
          ...(chain.extension === undefined ? [] : [sectionOf('UpstreamAuthority', chain.extension)]),
        ];
        const audited = { ...NO_SERVICE, settings: { ocsf: { enabled: true } } };
        const deployment = await LabDeployment.make(lab, cleanup, [keys, chain, audited], sections);
        await deployment.start();
        await deployment.startAgent();
        await deployment.verify();
        await deployment.keysetDone('prepare');
        if (keys.extension !== undefined) await deployment.configure('KeyManager', keys.extension);
        await pasteSecrets(deployment);
        await useWrongSecrets(deployment, { ...keys.extension, ...chain.extension });
        await keys.down();
        await deployment.jwt();
        await deployment.keyset('prepare');
        await keys.up();
        await deployment.jwtAgain();
        await deployment.inspect();
        for (const secret of keys.scalars?.() ?? []) lab.secrets.know('a key of the token', secret);
        const looked = lab.secrets.check();
        t.true(looked > 20_000, `${looked} characters`);
        for (const writer of [
          /^the server$/,
          /^the agent$/,
          /\/metrics$/,
          /config get/,
          /config validate/,
          /^the files/,
        ]) {
          t.true(
            lab.secrets.writers.some((name) => writer.test(name)),
            String(writer),
          );
        }
        t.log(`${looked} characters of ${lab.secrets.writers.length} writers`);
      } finally {
        await cleanup.all();
      }
    },
  );
}

/** Operators paste: into fields that do not exist, into fields of another meaning, into broken documents, into the server's own file. */
async function pasteSecrets(deployment: LabDeployment): Promise<void> {
  const secret = lab.secrets.make('a pasted secret');
  const extensions = [
    { pkcs11: { modulePath: secret, tokenLabel: secret.repeat(4), pin: secret, pinPath: secret, mechanism: secret } },
    { awsKMS: { region: secret, secretAccessKey: secret, keySpec: secret, keyTags: { 'defakto-x': secret } } },
    {
      azureKeyVault: {
        vaultURL: `https://u:${secret}@my-vault.vault.azure.net`,
        clientSecret: secret,
        keyType: secret,
      },
    },
    { webhook: { webhookURL: `https://u:${secret}@127.0.0.1/?${secret}`, bearerToken: secret, timeout: secret } },
    { awsPca: { certificateAuthorityArn: secret, assumeRoleArn: secret, signingAlgorithm: secret } },
    { disk: { certFilePath: secret, keyFilePath: secret, key: secret } },
  ];
  const documents = [
    ...['KeyManager', 'UpstreamAuthority'].flatMap((section) =>
      extensions.map((extension) => JSON.stringify(sectionOf(section, extension))),
    ),
    `section: KeyManager\nschema: v1\nspec: { extensions: { pkcs11: { pin: "${secret} } } }\n`,
    `section: KeyManager\nschema: v1\nspec:\n  pin: ${secret}\n pin: *${secret}\n`,
    `section: KeyManager\nschema: v1\nspec: !pin ${secret}\n`,
    secret,
  ];
  const id = await deployment.deploymentId();
  for (const [index, document] of documents.entries()) {
    const file = join(deployment.dir, `pasted-${index}.yaml`);
    await writeFile(file, document);
    for (const verb of ['validate', 'set']) {
      const { code } = await deployment.ctl('config', verb, 'trust-domain-deployment', '--id', id, file);
      demand(code !== 0, `config ${verb} took ${document}`);
    }
  }
  const own = [
    `aws: { kmsKeyARN: "${secret}", secretAccessKey: "${secret}", endpoints: { kms: "https://u:${secret}@kms" } }`,
    `azure: { keyVault: { url: "https://u:${secret}@h.managedhsm.azure.net", clientSecret: "${secret}" } }`,
    `extensions: { modules: ["${secret}"], webhookHosts: ["https://${secret}@h"] }`,
    `managedConfig: [${documents[0]}]`,
    `startup: { keyServiceTimeout: "${secret} }`,
  ];
  for (const line of own) {
    const { code, printed } = await deployment.tryConfiguration(line);
    demand(code !== 0 && printed.includes('is not valid'), `the server took ${line}: ${printed}`);
  }
}

const SECRET_FILES = ['pinPath', 'bearerTokenPath'] as const;

/** A PIN and a token that are not the right ones: the running server, and one that is started with them. */
async function useWrongSecrets(
  deployment: LabDeployment,
  extensions: Readonly<Record<string, unknown>>,
): Promise<void> {
  const files = Object.values(extensions).flatMap((extension) =>
    SECRET_FILES.flatMap((field) => {
      const path = (extension as Readonly<Record<string, unknown>>)[field];
      return typeof path === 'string' ? [path] : [];
    }),
  );
  if (files.length === 0) return;
  const right = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  await Promise.all(files.map((path, index) => writeFile(path, lab.secrets.make(`wrong secret ${index}`))));
  await deployment.keyset('prepare');
  await deployment.kill();
  const { output } = await deployment.launch();
  for (let waited = 0; waited < 10_000 && !/refused|cannot|denied|Waiting/.test(output()); waited += 250)
    await delay(250);
  await deployment.kill();
  await Promise.all(files.map((path, index) => writeFile(path, right[index] ?? '')));
  await deployment.start();
  await deployment.jwtAgain();
}
