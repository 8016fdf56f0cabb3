#!/usr/bin/env node
import { launch } from './launch.mjs';

launch('spirl-perf', 'bench/cli/main.js');
