import { behaviourClauses } from './behaviour-clauses.js';
import type { ClauseTest, OptionalInputs } from './clause.js';
import { EndpointUnderTest } from './endpoint-under-test.js';
import { endpointClauses } from './endpoint-clauses.js';
import { rpcClauses, validatorClauses } from './rpc-clauses.js';
import { svidClauses } from './svid-clauses.js';

/** What came of one test. */
export interface ClauseResult {
  readonly clause: string;
  readonly level: ClauseTest['level'];
  readonly shows: string;
  readonly result: 'pass' | 'fail' | 'not run';
  /** Why it failed, or what it would have needed. */
  readonly detail: string;
}

const ORDER = ['EP', 'WA', 'RP', 'ID', 'X', 'J', 'B'];

/** Every test, in the order of the clauses. */
export const suite: readonly ClauseTest[] = [
  ...endpointClauses,
  ...behaviourClauses,
  ...rpcClauses,
  ...validatorClauses,
  ...svidClauses,
].sort((a, b) => rank(a.clause) - rank(b.clause));

function rank(clause: string): number {
  const [group = '', number = ''] = clause.split('-');
  return ORDER.indexOf(group) * 100 + Number(number);
}

const NEEDED: Readonly<Record<keyof OptionalInputs, string>> = {
  rotate: 'a way to rotate (--rotate-command)',
  strangerUri: 'a socket of a caller without identity (--stranger-socket)',
  bundleDocument: 'a bundle document (--bundle-document)',
};

/** Runs one test on a connection of its own. */
export async function runClause(test: ClauseTest, uri: string, inputs: OptionalInputs): Promise<ClauseResult> {
  const { clause, level, shows, needs } = test;
  if (needs !== undefined && inputs[needs] === undefined) {
    return { clause, level, shows, result: 'not run', detail: `needs ${NEEDED[needs]}` };
  }
  const endpoint = new EndpointUnderTest(needs === 'strangerUri' ? (inputs.strangerUri ?? uri) : uri);
  try {
    await test.run({ endpoint, inputs });
    return { clause, level, shows, result: 'pass', detail: '' };
  } catch (error) {
    return { clause, level, shows, result: 'fail', detail: error instanceof Error ? error.message : String(error) };
  } finally {
    endpoint.close();
  }
}
