import { readFileSync, statSync } from 'node:fs';

/** Of the file that lists the compiled files in a bundle, relative to the package's root. */
export const INPUTS = 'inputs.txt';

/**
 * URL of the program `name` in one file, as `bundle.mjs` puts it into `build/bundle` of the package at `root`; `undefined` when there is none, or
 * when a compiled file in it has been written since: then somebody has compiled without making it again, and means the compiled files.
 */
export function bundled(name, root = new URL('../../', import.meta.url)) {
  const folder = new URL('build/bundle/', root);
  const program = new URL(name + '.js', folder);
  const inputs = new URL(INPUTS, folder);
  const made = modifiedAt(inputs);
  if (made === undefined || modifiedAt(program) === undefined) return undefined;
  const isIn = (path) => modifiedAt(new URL(path, root)) <= made;
  return readFileSync(inputs, 'utf8').split('\n').every(isIn) ? program : undefined;
}

function modifiedAt(url) {
  return statSync(url, { throwIfNoEntry: false })?.mtimeMs;
}
