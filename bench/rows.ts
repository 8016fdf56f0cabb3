import { jwtRow } from './micro/jwt.js';
import { mintRow } from './micro/mint.js';
import { mintWorkersRow } from './micro/mint-workers.js';
import type { Row } from './row.js';
import { bundleStreamRow } from './rows/bundle-stream.js';
import { fetchRow } from './rows/fetch.js';
import { growthRow } from './rows/growth.js';
import { keyManagersRow } from './rows/key-managers.js';
import { memoryRow } from './rows/memory.js';
import { mintOverWireRow } from './rows/mint-over-wire.js';
import { pushRow } from './rows/push.js';
import { startRow } from './rows/start.js';
import { tricksRow } from './rows/tricks.js';
import { waveRow } from './rows/wave.js';

/** Every row of the benchmark, in the order in which they are measured. */
export const ROWS: readonly Row[] = [
  mintRow,
  mintWorkersRow,
  mintOverWireRow,
  jwtRow,
  fetchRow,
  pushRow,
  memoryRow,
  waveRow,
  startRow,
  bundleStreamRow,
  growthRow,
  keyManagersRow,
  tricksRow,
];
