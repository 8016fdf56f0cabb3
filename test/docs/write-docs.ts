import { fileURLToPath } from 'node:url';
import { writeDocs } from './generated-docs.js';

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const path of writeDocs()) process.stdout.write(`${path}\n`);
}
