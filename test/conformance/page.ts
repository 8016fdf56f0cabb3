import type { ClauseResult } from './suite.js';

const GROUPS: Readonly<Record<string, string>> = {
  EP: 'Endpoint (SPIFFE_Workload_Endpoint)',
  WA: 'Workload API, general behaviour (SPIFFE_Workload_API)',
  RP: 'RPCs and fields (SPIFFE_Workload_API, workloadapi.proto)',
  ID: 'SPIFFE ID (SPIFFE-ID)',
  X: 'X509-SVID',
  J: 'JWT-SVID',
  B: 'Trust bundle (SPIFFE_Trust_Domain_and_Bundle)',
};

const HEAD = `# Conformance

Every clause of the SPIFFE standards that a Workload API server can show, the test that shows it, and what this version's agent
answered. Generated: \`node build/test/conformance/run.js --product --page docs/conformance.md\`; do not edit.

The suite runs against any Workload API socket:

\`\`\`
node build/test/conformance/run.js --socket unix:///run/agent.sock [--json]
     [--rotate-command CMD] [--stranger-socket URI] [--bundle-document FILE]
\`\`\`

What it cannot do by itself on a server it does not know is an option; a test whose option is missing is "not run". Clauses for clients
(EP-12, EP-13) are tests of \`src/runtime/endpoint-socket.ts\` and of \`spirldbg\`.
`;

/** The generated page. */
export function renderPage(results: readonly ClauseResult[]): string {
  const sections = Object.entries(GROUPS).map(([group, title]) => {
    const own = results.filter(({ clause }) => clause.startsWith(`${group}-`));
    return [`\n## ${title}\n`, '| clause | level | test | result |', '|---|---|---|---|', ...own.map(row), ''].join(
      '\n',
    );
  });
  return HEAD + sections.join('');
}

function row({ clause, level, shows, result }: ClauseResult): string {
  return `| ${clause} | ${level} | ${shows} | ${result} |`;
}

/** Clause and test of each row of a page, as `clause: test`. */
export function rowsOfPage(page: string): string[] {
  return [...page.matchAll(/^\| ([A-Z]+-\d+) \| (?:MUST|SHOULD) \| (.*) \| [a-z ]+ \|$/gm)].map(
    ([, clause = '', shows = '']) => `${clause}: ${shows}`,
  );
}
