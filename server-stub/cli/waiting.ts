import type { Terminal } from './terminal.js';

/** Quicker commands say nothing. */
const QUIET_MS = 1_000;
const LOOK_AGAIN_MS = 2_000;

/** Settles like `work`; when that takes longer than a second, tells on standard error what it waits for, each text once. */
export async function tellingWait<T>(terminal: Terminal, work: Promise<T>, reason: () => Promise<string>): Promise<T> {
  const done = new AbortController();
  const told = tell(terminal, reason, done.signal);
  try {
    return await work;
  } finally {
    done.abort();
    await told;
  }
}

async function tell(terminal: Terminal, reason: () => Promise<string>, signal: AbortSignal): Promise<void> {
  let last = '';
  try {
    for (let ms = QUIET_MS; ; ms = LOOK_AGAIN_MS) {
      await terminal.clock.sleep(ms, signal);
      const text = await reason();
      if (!signal.aborted && text !== last) terminal.err(`waiting for ${text} ...\n`);
      last = text;
    }
  } catch {
    // The work has ended, or the reason cannot be asked: either way there is nothing more to tell.
  }
}
