#!/usr/bin/env node
import { launch } from '../../src/bin/launch.mjs';

launch('spirlctl', 'server-stub/cli/main.js');
