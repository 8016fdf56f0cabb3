#!/usr/bin/env node
// The first command in a fresh clone may be a question to the simulator: then what is missing is installed and compiled first.
import { existsSync } from 'node:fs';
import { launch } from './launch.mjs';
import { refuseOldNode } from './node-version.mjs';

refuseOldNode();
const there = ['build/bench/cli/main.js', 'node_modules/.package-lock.json'].every((path) =>
  existsSync(new URL('../../' + path, import.meta.url)),
);
const ready = there ? Promise.resolve() : import('./prepare.mjs').then(({ prepare }) => prepare('emit'));
ready.then(
  () => launch('spirl-perf', 'bench/cli/main.js'),
  (error) => {
    console.error(error.sentence ? 'Error: ' + error.sentence : error);
    process.exitCode = 1;
  },
);
