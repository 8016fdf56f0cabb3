import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The clone. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * Runs Node in the clone to its end and returns its exit code; a signal to us goes on to it. `stdout` may be `stderr`'s; `hear`
 * gets all that it says, which is then not printed.
 */
export function runNode(args, options) {
  return run(process.execPath, args, options);
}

export function run(command, args, { stdout = 1, hear } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: hear ? ['ignore', 'pipe', 'pipe'] : ['ignore', stdout, 2] });
    for (const stream of hear ? [child.stdout, child.stderr] : []) stream.setEncoding('utf8').on('data', hear);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const forward = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, forward);
    const settle = () => {
      for (const signal of signals) process.removeListener(signal, forward);
    };
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('close', (code, signal) => {
      settle();
      // A step that was interrupted ends the whole: nothing else is to be started.
      if (signal === 'SIGINT' || signal === 'SIGTERM') process.exit(128 + constants.signals[signal]);
      resolve(code ?? 1);
    });
  });
}
