import { parentPort, workerData } from 'node:worker_threads';
import { mintForMain } from '../mint-for-main.js';

// The thread of one mint worker; see `../mint-workers.ts`.
if (parentPort !== null) mintForMain(parentPort, workerData as Int32Array);
