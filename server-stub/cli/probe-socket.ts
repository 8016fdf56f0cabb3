import { connect } from 'node:net';

/** Connects and closes at once. Resolves with the system error (`ENOENT`, `ECONNREFUSED`, …), `undefined` when somebody listens. */
export function probeSocket(path: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', resolve);
  });
}
