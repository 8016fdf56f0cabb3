#!/usr/bin/env node
// `npm run bench`: installs and compiles what is missing, then the benchmark. Arguments: names of rows, --quick.
import { refuseOldNode } from './node-version.mjs';

refuseOldNode();
import('./prepare.mjs')
  .then(({ prepare }) => prepare('check'))
  .then(() => import(new URL('../../build/bench/main.js', import.meta.url)))
  .catch((error) => {
    console.error(error.sentence ? 'Error: ' + error.sentence : error);
    process.exit(1);
  });
