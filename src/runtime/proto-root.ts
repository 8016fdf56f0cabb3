import { fileURLToPath } from 'node:url';

/** Where the published `.proto` files lie; `build/src/runtime` and the sources' `src/runtime` are found from the package's own root. */
export const protoRoot = fileURLToPath(new URL('../../../proto', import.meta.url));
