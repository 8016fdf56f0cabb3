import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../architecture/source-tree.js';
import { FAULTS_PAGE, faultsPage } from './faults-page.js';

// Writes what the fault matrix states; that it holds is for custody-faults.test.ts to show.

writeFileSync(join(projectRoot, FAULTS_PAGE), faultsPage());
