import { parentPort } from 'node:worker_threads';
import { createCryptoki } from '../cryptoki.js';
import { serveLane } from '../lane-messages.js';
import { TokenSession } from '../token-session.js';

// The thread of one session with a token; see `../worker-lane.ts`.
if (parentPort !== null) serveLane(parentPort, () => new TokenSession(createCryptoki()));
