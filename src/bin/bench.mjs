#!/usr/bin/env node
// `npm run bench`: installs and compiles what is missing, then the benchmark. Arguments: names of rows, --quick, --profile;
// with --peers (`npm run bench:peers`) the same work on SPIRE, side by side.
import { refuseOldNode } from './node-version.mjs';

refuseOldNode();
const program = process.argv.includes('--peers') ? 'peers/main.js' : 'main.js';
import('./prepare.mjs')
  .then(({ prepare }) => prepare('emit'))
  .then(() => import(new URL('../../build/bench/' + program, import.meta.url)))
  .catch((error) => {
    console.error(error.sentence ? 'Error: ' + error.sentence : error);
    process.exit(1);
  });
