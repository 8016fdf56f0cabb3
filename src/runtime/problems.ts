import { SpirlError } from './errors.js';

/** One thing wrong with an input: where (JSON Pointer) and what was expected. */
export interface Problem {
  readonly path: string;
  readonly reason: string;
}

/** An input refused as a whole, with everything that is wrong with it. */
export class InvalidConfigError extends SpirlError {
  readonly problems: readonly Problem[];
  constructor(subject: string, problems: readonly Problem[]) {
    super(
      'INVALID_CONFIG',
      [`${subject} is not valid:`, ...problems.map((p) => `${p.path || '/'}: ${p.reason}`)].join('\n  '),
    );
    this.name = 'InvalidConfigError';
    this.problems = problems;
  }
}

/** Collects everything that is wrong with one input, so that it is told together. */
export class Problems {
  readonly #found: Problem[] = [];
  add(path: string, reason: string): void {
    this.#found.push({ path, reason });
  }
  get all(): readonly Problem[] {
    return this.#found;
  }
  throwIfAny(subject: string): void {
    if (this.#found.length > 0) throw new InvalidConfigError(subject, this.#found);
  }
}
