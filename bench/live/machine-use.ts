import { cpus } from 'node:os';

/** How much of the whole machine was in use, by whomever. */
export interface MachineUse {
  readonly cores: number;
  /** 0 to 1. */
  readonly busyShare: number;
}

/** Begins to watch; the function it returns tells of the time since. */
export function watchMachine(): () => MachineUse {
  const before = times();
  return () => {
    const now = times();
    const all = now.all - before.all;
    return { cores: cpus().length, busyShare: all === 0 ? 0 : 1 - (now.idle - before.idle) / all };
  };
}

function times(): { readonly all: number; readonly idle: number } {
  const each = cpus().map(({ times: { user, nice, sys, idle, irq } }) => ({
    all: user + nice + sys + idle + irq,
    idle,
  }));
  return {
    all: each.reduce((sum, { all }) => sum + all, 0),
    idle: each.reduce((sum, { idle }) => sum + idle, 0),
  };
}
