import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cliReferencePage } from '../../server-stub/cli/cli-reference.js';
import { commandTree } from '../../server-stub/cli/spirlctl.js';
import { SERVER_SETTINGS } from '../../server-stub/src/config/server-settings.js';
import { SERVER_METRICS } from '../../server-stub/src/telemetry/metrics.js';
import { systemClock } from '../../src/runtime/clock.js';
import { AGENT_SETTINGS } from '../../src/config/agent-settings.js';
import { metricsTable } from '../../src/runtime/metric-set.js';
import { settingsTable } from '../../src/runtime/settings-table.js';
import { AGENT_METRICS, COMMON_LABELS } from '../../src/telemetry/metrics.js';
import { SCENARIO_TABLES_BEGIN, SCENARIO_TABLES_END, scenarioTables } from './scenario-reference.js';
import { WRONG_CALLERS } from './wrong-callers.js';

/** A page of `docs/` that is made from the code. */
export interface GeneratedDoc {
  readonly path: string;
  /** The whole page. */
  text(): string;
}

/** From the compiled tests to the project's root. */
const ROOT = new URL('../../../', import.meta.url);

export const GENERATED_DOCS: readonly GeneratedDoc[] = [
  { path: 'docs/configuration.md', text: configurationPage },
  { path: 'docs/metrics.md', text: metricsPage },
  { path: 'docs/fleet.md', text: fleetPage },
  { path: 'docs/security.md', text: securityPage },
  { path: 'docs/cli/spirlctl.md', text: spirlctlPage },
];

/** What is in the file now; empty when there is none. */
export function presentText({ path }: GeneratedDoc): string {
  try {
    return readFileSync(new URL(path, ROOT), 'utf8');
  } catch {
    return '';
  }
}

/** Writes every page; returns the paths written. */
export function writeDocs(): readonly string[] {
  return GENERATED_DOCS.map((doc) => {
    writeFileSync(new URL(doc.path, ROOT), doc.text());
    return fileURLToPath(new URL(doc.path, ROOT));
  });
}

const NOTICE = '<!-- Made from the code by `npm run docs`; do not edit. -->';

function configurationPage(): string {
  return `# Configuration

${NOTICE}

Each program reads one file, YAML or JSON: \`spirl-agent run --config agent.yaml\`, \`spirl-server run --config server.yaml\`. A dot in a
setting's name is a level of the file: \`log.level\` is \`log: { level: … }\`. An empty string means unset. Unknown settings are refused; everything
that is wrong is told together, each with its place (a JSON Pointer). Durations are written as in Go: \`500ms\`, \`10s\`, \`24h\`, \`2160h0m0s\`.
A file is at most 256 KiB, without YAML aliases.

## Agent

${settingsTable(AGENT_SETTINGS)}

## Server

${settingsTable(SERVER_SETTINGS)}

\`keyset.activationThreshold\` < \`keyset.preparationThreshold\` < \`keyset.lifetime\`. Without \`labTtl\` a keyset lives at least 24h.
Managed configuration (\`spirlctl config\`) is not in these files: it is kept by the server and holds at once, without a restart.
`;
}

function metricsPage(): string {
  const common = COMMON_LABELS.map((label) => `\`${label}\``).join(', ');
  return `# Metrics

${NOTICE}

Both programs serve \`/metrics\` (Prometheus text format) at \`metricsAPI.host\`:\`metricsAPI.port\`, with \`/live\` (the process runs) and \`/ready\` (200 when
\`ready\` or \`degraded\`, 503 when \`unready\`; the body says which and why). Every series has the labels ${common}; on an
agent the last two are empty until its first login. \`svid_type\` is \`x509\` or \`jwt\`; \`status_code\` and \`grpc_code\` are names of gRPC codes as Go
spells them (\`OK\`, \`PermissionDenied\`). Besides those below there are the process's own: \`process_*\` and \`nodejs_*\`.

## Agent

${metricsTable(Object.values(AGENT_METRICS))}

## Server

${metricsTable(Object.values(SERVER_METRICS))}
`;
}

const TABLE_BEGINS = '<!-- The table below is made by `npm run docs` from the list that its tests are held to. -->';

/** People write what stands before the table. */
function securityPage(): string {
  const [written = ''] = presentText({ path: 'docs/security.md', text: () => '' }).split(TABLE_BEGINS);
  const rows = WRONG_CALLERS.map(
    ({ caller, tried, answer, test: [file, title] }) => `| ${caller} | ${tried} | ${answer} | \`test/${file}\`: ${title} |`,
  );
  return `${written}${TABLE_BEGINS}

| caller | tried | answer | shown by |
|---|---|---|---|
${rows.join('\n')}
`;
}

/** People write what stands around the tables of settings. */
function fleetPage(): string {
  const present = presentText({ path: 'docs/fleet.md', text: () => '' });
  const [before = '', rest = ''] = present.split(SCENARIO_TABLES_BEGIN);
  const [, after = ''] = rest.split(SCENARIO_TABLES_END);
  return `${before}${SCENARIO_TABLES_BEGIN}\n\n${scenarioTables()}\n\n${SCENARIO_TABLES_END}${after}`;
}

function spirlctlPage(): string {
  const nowhere = { out: () => {}, err: () => {}, readInput: () => Promise.resolve('') };
  const machine = { clock: systemClock, env: {}, signal: new AbortController().signal, packageRoot: '/', version: '', node: '' };
  return cliReferencePage(commandTree({ ...nowhere, ...machine }), NOTICE);
}
