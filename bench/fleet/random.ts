/** Numbers from 0 up to but not including 1. The same seed gives the same numbers, on every machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream = 0) {
    this.#a = mixed(seed);
    this.#b = mixed(seed ^ 0x9e3779b9);
    this.#c = mixed(stream + 0x85ebca6b);
    for (let i = 0; i < 12; i++) this.next();
  }

  /** sfc32: small, fast, passes the usual statistical tests. */
  readonly next = (): number => {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  };

  /** A whole number from 0 up to but not including `below`. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }
}

/**
 * What one agent draws for one taint: a number that depends on nothing but the seed and the agent, so that a simulated and a
 * real agent of the same index draw the same.
 */
export function agentDraw(seed: number, agent: number): number {
  return (mixed(mixed(seed ^ 0x51ed270b) + agent) >>> 0) / 2 ** 32;
}

/** What one SVID of an agent draws for its `nth` ordinary renewal, counted from 0; `svid` is its place in the fleet. */
export function renewalDraw(seed: number, svid: number, nth: number): number {
  return (mixed(mixed(mixed(seed ^ 0x2c1b3c6d) + svid) + nth) >>> 0) / 2 ** 32;
}

/** The finaliser of MurmurHash3, after a Weyl step: neighbours come out unrelated. */
function mixed(value: number): number {
  let h = Math.imul(value | 0, 0x9e3779b1) + 0x7f4a7c15;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
