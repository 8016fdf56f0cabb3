#!/usr/bin/env node
import { launch } from '../../src/bin/launch.mjs';

launch('spirl-server', 'server-stub/src/main.js');
