#!/usr/bin/env node
import { launch } from './launch.mjs';

launch('spirl-agent', 'src/main.js');
