#!/usr/bin/env node
// `npm start`: installs and compiles what is missing, then is `spirlctl dev` in this very process, so that signals reach it.
import { refuseOldNode } from './node-version.mjs';

refuseOldNode();
import('./prepare.mjs')
  .then((module) => module.prepare('emit'))
  .then(() => {
    process.argv.splice(2, 0, 'dev');
    return import('../../build/server-stub/cli/main.js');
  })
  .catch((error) => {
    console.error(error.sentence ? 'Error: ' + error.sentence : error);
    process.exit(1);
  });
