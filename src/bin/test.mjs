#!/usr/bin/env node
// `npm test`: installs and compiles what is missing, then every step. Arguments go to ava.
import { refuseOldNode } from './node-version.mjs';

refuseOldNode();
Promise.all([import('./prepare.mjs'), import('./test-steps.mjs')])
  .then(([{ prepare }, { runSteps }]) => prepare('emit').then(() => runSteps(process.argv.slice(2))))
  .then((code) => {
    process.exitCode = code;
  })
  .catch((error) => {
    console.error(error.sentence ? 'Error: ' + error.sentence : error);
    process.exit(1);
  });
