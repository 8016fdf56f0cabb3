import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the published `.proto` files lie: in the package's root, however deep below it the compiled code is. */
export function protoRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const found = join(folder, 'proto');
    if (existsSync(join(found, 'spiffe')) || folder === dirname(folder)) return found;
  }
}
