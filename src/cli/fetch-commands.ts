import { withDeadline } from '../runtime/deadline.js';
import { endpointUri } from '../runtime/endpoint-socket.js';
import { firstOf, WorkloadClient } from '../runtime/workload-client.js';
import { chooseEndpoint } from './endpoint.js';
import { describeJwtSvid, jsonOfJwtSvid, viewOfJwtSvid } from './jwt-view.js';
import { labelled } from './table.js';
import type { Terminal } from './terminal.js';
import { replaceFile, writeX509Svid } from './write-files.js';
import { describeX509Svid, jsonOfX509Svid, viewOfX509Svid } from './x509-view.js';

/** Options that every command has. */
export interface CommonOptions {
  readonly spiffeEndpointSocket?: string;
  readonly output: 'text' | 'json';
  /** Seconds. */
  readonly timeout: number;
}

/** Runs `ask` with a client of its own, within the time limit. */
export async function askEndpoint<T>(
  terminal: Terminal,
  options: CommonOptions,
  ask: (client: WorkloadClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const endpoint = chooseEndpoint(options.spiffeEndpointSocket, terminal.endpointSocket);
  const client = new WorkloadClient(endpoint);
  const late = `${endpointUri(endpoint)} did not answer within ${options.timeout} s`;
  try {
    return await withDeadline(
      (signal) => ask(client, signal),
      options.timeout * 1000,
      late,
      terminal.clock,
      terminal.signal,
    );
  } finally {
    client.close();
  }
}

export async function fetchX509(
  terminal: Terminal,
  options: CommonOptions & { readonly write?: string },
): Promise<void> {
  const { svids } = await askEndpoint(terminal, options, (client, signal) => firstOf(client.x509Svids(signal)));
  const views = svids.map(viewOfX509Svid);
  const [first] = svids;
  const written = options.write === undefined || first === undefined ? [] : await writeX509Svid(options.write, first);
  if (options.output === 'json') {
    terminal.out(`${JSON.stringify({ svids: views.map(jsonOfX509Svid) })}\n`);
    return;
  }
  terminal.out(views.map((view) => describeX509Svid(view, terminal.clock.now())).join('\n'));
  for (const path of written) terminal.out(`Wrote ${path}\n`);
}

export async function fetchJwt(
  terminal: Terminal,
  options: CommonOptions & {
    readonly audience: readonly string[];
    readonly spiffeId: string;
    readonly filename?: string;
  },
): Promise<void> {
  const { audience, spiffeId, filename } = options;
  const svids = await askEndpoint(terminal, options, (client, signal) =>
    client.jwtSvids({ audience, spiffeId }, signal),
  );
  const views = svids.map(viewOfJwtSvid);
  const [first] = views;
  if (filename !== undefined && first !== undefined) {
    await replaceFile(filename, first.token, 0o600);
    terminal.err(`Wrote ${filename}\n`);
    return;
  }
  if (options.output === 'json') terminal.out(`${JSON.stringify({ svids: views.map(jsonOfJwtSvid) })}\n`);
  else terminal.out(views.map((view) => describeJwtSvid(view, terminal.clock.now())).join('\n'));
}

/** `token` may be `-`: read from standard input. */
export async function validateJwt(
  terminal: Terminal,
  options: CommonOptions & { readonly audience: string },
  token: string,
): Promise<void> {
  const svid = token === '-' ? (await terminal.readInput()).trim() : token;
  const answer = await askEndpoint(terminal, options, (client, signal) =>
    client.validateJwtSvid({ audience: options.audience, svid }, signal),
  );
  if (options.output === 'json') terminal.out(`${JSON.stringify({ valid: true, ...answer })}\n`);
  else {
    const claims = Object.entries(answer.claims).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
    terminal.out(
      `The token is valid.\n${labelled([
        ['SPIFFE ID', answer.spiffeId],
        ['Claims', claims.join('\n')],
      ])}`,
    );
  }
}
