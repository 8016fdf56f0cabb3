import { hasCode, SpirlError } from '../runtime/errors.js';
import { WorkloadClient, type X509SvidResponse } from '../runtime/workload-client.js';
import { chooseEndpoint } from './endpoint.js';
import type { CommonOptions } from './fetch-commands.js';
import type { Terminal } from './terminal.js';
import { timeText, timeWithDistance } from './time-text.js';
import { jsonOfX509Svid, viewOfX509Svid, type X509SvidView } from './x509-view.js';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/** Prints each update until Ctrl-C or until `count` came; comes back by itself when the stream ends. */
export async function watchX509(
  terminal: Terminal,
  options: CommonOptions & { readonly count?: number },
): Promise<void> {
  const endpoint = chooseEndpoint(options.spiffeEndpointSocket, terminal.endpointSocket);
  const client = new WorkloadClient(endpoint);
  let seen = 0;
  let pause = FIRST_PAUSE_MS;
  try {
    for (;;) {
      try {
        for await (const update of client.x509Svids(terminal.signal)) {
          pause = FIRST_PAUSE_MS;
          show(terminal, options, ++seen, update);
          if (seen === options.count) return;
        }
        terminal.err('The endpoint ended the stream; connecting again.\n');
      } catch (error) {
        if (terminal.signal.aborted) return;
        if (!worthRetrying(error)) throw error;
        const reason = (error as SpirlError).message;
        terminal.err(`The stream ended: ${reason}; trying again in ${pause / 1000} s\n`);
      }
      await terminal.clock.sleep(pause, terminal.signal).catch(() => {});
      if (terminal.signal.aborted) return;
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  } finally {
    client.close();
  }
}

/** The standard lets a client retry all but a request that is wrong in itself; identities may come later. */
function worthRetrying(error: unknown): boolean {
  return error instanceof SpirlError && !hasCode(error, 'INVALID_REQUEST', 'UNIMPLEMENTED');
}

function show(terminal: Terminal, options: CommonOptions, number: number, update: X509SvidResponse): void {
  const now = terminal.clock.now();
  const views = update.svids.map(viewOfX509Svid);
  if (options.output === 'json') {
    const line = { update: number, at: new Date(now).toISOString(), svids: views.map(jsonOfX509Svid) };
    terminal.out(`${JSON.stringify(line)}\n`);
  } else {
    terminal.out(`Update ${number}, ${timeText(now)}\n${views.map((view) => `  ${line(view, now)}\n`).join('')}`);
  }
}

function line(view: X509SvidView, now: number): string {
  const [leaf] = view.chain;
  const keyset = view.keyset === undefined ? '' : `, keyset ${view.keyset}`;
  const authorities = `${view.bundle.length} ${view.bundle.length === 1 ? 'authority' : 'authorities'}`;
  return `${view.spiffeId}, serial ${leaf.serial}, until ${timeWithDistance(leaf.notAfter, now)}${keyset}, bundle of ${authorities}`;
}
