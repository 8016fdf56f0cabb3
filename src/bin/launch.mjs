import { refuseOldNode } from './node-version.mjs';

/** Runs a compiled program of this package: `entry` is its main file below `build/`, for when it is not there in one file. */
export function launch(name, entry) {
  refuseOldNode();
  const main = new URL('../../build/' + entry, import.meta.url);
  return import('./bundled.mjs')
    .then(({ bundled }) => import(bundled(name) ?? main))
    .catch((error) => {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
      const missing = /'([^']+)'/.exec(error.message);
      const what = missing && missing[1] !== main.pathname ? ' (' + missing[1] + ' is missing)' : '';
      const root = new URL('../..', import.meta.url).pathname;
      console.error(
        'Error: ' + name + ' is not built' + what + ': run "node src/bin/prepare.mjs" in ' + root + ' first.',
      );
      process.exit(1);
    });
}
