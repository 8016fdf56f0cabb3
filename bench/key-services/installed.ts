import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bindingProblem } from '../../server-stub/src/key-manager/pkcs11/cryptoki.js';
import { projectRoot } from '../rig/program.js';

/** Tells when a file below `.ci/parts` is not there, and which script of `.ci` puts it there. */
export function missingPart(path: string, installer: string): string | undefined {
  return existsSync(join(projectRoot, '.ci/parts', path)) ? undefined : `install it with "bash .ci/${installer}"`;
}

/** The same for a PKCS#11 module. */
export function missingModule(path: string): string | undefined {
  if (bindingProblem() === undefined && existsSync(path)) return undefined;
  return 'install it with "bash .ci/parts-pkcs11.sh"';
}
