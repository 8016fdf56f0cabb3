/** Waiting jobs of many agents; each agent has its turn, however many jobs another one has. */
export class TurnsByAgent<Job> {
  /** Agents with waiting jobs, in the order of their turns. */
  readonly #jobs = new Map<string, Job[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(agentId: string, job: Job): void {
    const own = this.#jobs.get(agentId);
    if (own === undefined) this.#jobs.set(agentId, [job]);
    else own.push(job);
    this.#size++;
  }

  /** The oldest job of the agent whose turn it is, which then goes to the end of the line. */
  shift(): Job | undefined {
    const first = this.#jobs.entries().next();
    if (first.done === true) return undefined;
    const [agentId, own] = first.value;
    const job = own.shift();
    this.#jobs.delete(agentId);
    if (own.length > 0) this.#jobs.set(agentId, own);
    this.#size--;
    return job;
  }
}
