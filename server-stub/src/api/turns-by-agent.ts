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

  /** How many jobs go before a new one of this agent, at most: as many rounds as it has jobs, each with one of every agent. */
  ahead(agentId: string): number {
    const rounds = (this.#jobs.get(agentId)?.length ?? 0) + 1;
    return Math.min(this.#size, rounds * this.#jobs.size);
  }

  /** Takes out the jobs that `isGone` says, of one agent or of all; their turns are the others'. */
  remove(isGone: (job: Job) => boolean, agentId?: string): readonly Job[] {
    const removed: Job[] = [];
    const agents = agentId === undefined ? [...this.#jobs.keys()] : [agentId];
    for (const agent of agents) {
      const [gone, staying]: [Job[], Job[]] = [[], []];
      for (const job of this.#jobs.get(agent) ?? []) (isGone(job) ? gone : staying).push(job);
      removed.push(...gone);
      if (staying.length === 0) this.#jobs.delete(agent);
      else if (gone.length > 0) this.#jobs.set(agent, staying);
    }
    this.#size -= removed.length;
    return removed;
  }
}
