import { readFileSync } from 'node:fs';
import { systemClock } from '../../src/runtime/clock.js';
import { silentLogger } from '../../src/runtime/logger.js';
import { stopSignal } from '../../src/runtime/stop-signal.js';
import { parseServerConfig } from '../../server-stub/src/config/server-config.js';
import { runServer } from '../../server-stub/src/server.js';
import type { FileSystem } from '../../server-stub/src/store/file/file-system.js';
import { nodeFileSystem } from '../../server-stub/src/store/file/node-file-system.js';

// The server as it is, but for its file system: told so, the process kills itself (SIGKILL) at the given step on disk.
// usage: mortal-server.js CONFIG before|after; the parent sends { dieAt: N } and gets { steps } for each step done.

const [, , config = '', mode = 'before'] = process.argv;
let dieAt = Infinity;
let steps = 0;
process.on('message', (message: { dieAt: number }) => {
  dieAt = message.dieAt;
  steps = 0;
});

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // SIGKILL to oneself is delivered before this returns.
  throw new Error('still alive');
}

async function step<T>(work: () => Promise<T>): Promise<T> {
  const fatal = ++steps === dieAt;
  if (fatal && mode === 'before') die();
  const result = await work();
  if (fatal) die();
  process.send?.({ steps });
  return result;
}

const mortal: FileSystem = {
  ...nodeFileSystem,
  createFile: (path, data) => step(() => nodeFileSystem.createFile(path, data)),
  syncFile: (path) => step(() => nodeFileSystem.syncFile(path)),
  rename: (from, to) => step(() => nodeFileSystem.rename(from, to)),
  removeFile: (path) => step(() => nodeFileSystem.removeFile(path)),
  syncDirectory: (path) => step(() => nodeFileSystem.syncDirectory(path)),
};

await runServer(
  parseServerConfig(readFileSync(config, 'utf8')),
  {
    clock: systemClock,
    logger: silentLogger,
    version: '0.0.0',
    ownUid: process.getuid?.() ?? 0,
    writeAudit: () => {},
    files: mortal,
  },
  stopSignal(process),
  (serving) => process.send?.({ serving }),
);
process.exit(0);
