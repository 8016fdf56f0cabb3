/** One rule applied to one artefact. `problem` undefined: kept. */
export interface Check {
  /** Number of the clause in the requirement list, for example `X-3`. */
  readonly clause: string;
  readonly level: 'MUST' | 'SHOULD';
  readonly rule: string;
  readonly problem: string | undefined;
}

/** Applies rules one by one; a rule that throws is broken, not the checker. */
export class Checks {
  readonly all: Check[] = [];
  must(clause: string, rule: string, problem: () => string | false | undefined): void {
    this.#add(clause, 'MUST', rule, problem);
  }
  should(clause: string, rule: string, problem: () => string | false | undefined): void {
    this.#add(clause, 'SHOULD', rule, problem);
  }
  include(checks: readonly Check[]): void {
    this.all.push(...checks);
  }
  #add(clause: string, level: Check['level'], rule: string, problem: () => string | false | undefined): void {
    let found: string | undefined;
    try {
      const answer = problem();
      found = answer === false ? undefined : answer;
    } catch (error) {
      found = error instanceof Error ? error.message : String(error);
    }
    this.all.push({ clause, level, rule, problem: found });
  }
}

/** What is broken, one line each; empty when everything is kept. */
export function problemsOf(checks: readonly Check[], level?: Check['level']): string[] {
  return checks
    .filter((check) => check.problem !== undefined && (level === undefined || check.level === level))
    .map(({ clause, level: of, rule, problem }) => `${clause} ${of} ${rule}: ${problem ?? ''}`);
}
