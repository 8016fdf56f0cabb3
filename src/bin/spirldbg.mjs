#!/usr/bin/env node
import { launch } from './launch.mjs';

launch('spirldbg', 'src/cli/main.js');
