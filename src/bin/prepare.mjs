#!/usr/bin/env node
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bundled } from './bundled.mjs';
import { refuseOldNode } from './node-version.mjs';
import { root, run, runNode } from './run-node.mjs';

/** What is compiled; `emit` needs none of the tests, but compiling them costs next to nothing. */
const SOURCES = ['src', 'server-stub/src', 'server-stub/cli', 'bench', 'test'];
const BUILD_STAMP = join(root, 'build/.stamp');
const INSTALL_STAMP = join(root, 'node_modules/.installed');
const LOCK = join(root, '.spirl/prepare.lock');
/** A slow network and a slow machine; then the other one is taken for stuck. */
const LOCK_WAIT_MS = 10 * 60_000;

/** A failure with a sentence for the user. */
class PrepareError extends Error {
  constructor(sentence) {
    super(sentence);
    this.sentence = sentence;
  }
}

/**
 * Installs what the lock file says and compiles what is missing; does nothing when all is there. `emit` writes JavaScript
 * only, which takes a second or two; `check` checks types as well.
 */
export async function prepare(level) {
  if (isInstalled() && isBuilt(level) && isBundled()) return;
  const release = await takeLock();
  try {
    if (!isInstalled()) await install();
    if (!isBuilt(level)) await build(level);
    if (!isBundled()) await makeBundle();
  } finally {
    release();
  }
}

function isInstalled() {
  const modified = modifiedAt('node_modules/.package-lock.json');
  if (modified === undefined) return false;
  return readOr(INSTALL_STAMP) === lockDigest() || modified >= (modifiedAt('package-lock.json') ?? 0);
}

async function install() {
  progress('installing dependencies (npm ci)');
  const args = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath;
  // Standard output belongs to the program that is started afterwards.
  const code = await (
    npm?.endsWith('.js') ? runNode([npm, ...args], { stdout: 2 }) : run('npm', args, { stdout: 2 })
  ).catch((error) => {
    throw new PrepareError(`npm could not be started (${error.code ?? error.message}): install npm, or run "npm ci".`);
  });
  if (code !== 0) throw new PrepareError(`installing the dependencies failed: "npm ci" ended with ${code}.`);
  writeFileSync(INSTALL_STAMP, lockDigest());
}

function lockDigest() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function isBuilt(level) {
  const [builtLevel, digest] = readOr(BUILD_STAMP).split(' ');
  return digest === sourceDigest() && (builtLevel === 'check' || level === 'emit');
}

async function build(level) {
  progress('compiling');
  const digest = sourceDigest();
  rmSync(BUILD_STAMP, { force: true });
  const args = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json', ...(level === 'emit' ? ['--noCheck'] : [])];
  const code = await runNode(args, { stdout: 2 });
  if (code !== 0) throw new PrepareError('compiling failed, see above.');
  dropOrphans();
  await makeBundle();
  writeFileSync(BUILD_STAMP, `${level} ${digest}`);
}

/** Somebody may have compiled since without it. */
function isBundled() {
  return bundled('spirl-agent') !== undefined;
}

/** In a process of its own: what it needs may have been installed a moment ago. */
async function makeBundle() {
  const code = await runNode(['src/bin/bundle.mjs'], { stdout: 2 });
  if (code !== 0) throw new PrepareError('putting the agent into one file failed, see above.');
}

/** Removes compiled files whose source has gone: a deleted test must not be run any more. */
function dropOrphans() {
  for (const folder of SOURCES) {
    for (const path of filesBelow(join('build', folder))) {
      const [, source] = /^build\/(.*)\.js(?:\.map)?$/.exec(path) ?? [];
      if (source !== undefined && modifiedAt(`${source}.ts`) === undefined) rmSync(join(root, path), { force: true });
    }
  }
}

/** Changes whenever a source is added, removed or written. */
function sourceDigest() {
  const hash = createHash('sha256');
  const sources = SOURCES.flatMap(filesBelow).filter((path) => path.endsWith('.ts'));
  for (const path of [...sources, 'tsconfig.json', 'package-lock.json', 'src/bin/bundle.mjs']) {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function filesBelow(folder) {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(path) : [path];
    })
    .sort();
}

/** One process at a time prepares a clone; returns how to let go. The lock of a process that has gone is taken over. */
async function takeLock() {
  const waitUntil = Date.now() + LOCK_WAIT_MS;
  let told = false;
  mkdirSync(join(root, '.spirl'), { recursive: true });
  for (;;) {
    try {
      mkdirSync(LOCK);
      writeFileSync(join(LOCK, 'pid'), String(process.pid));
      return () => rmSync(LOCK, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw new PrepareError(`${root} cannot be prepared: ${error.message}`);
    }
    const holder = Number(readOr(join(LOCK, 'pid')));
    const age = Date.now() - (modifiedAt('.spirl/prepare.lock') ?? Date.now());
    // Between mkdir and the pid lies a moment; a lock without a pid is only old when that moment has long passed.
    if (holder > 0 ? !isAlive(holder) : age > 5_000) {
      rmSync(LOCK, { recursive: true, force: true });
      continue;
    }
    if (Date.now() > waitUntil) {
      throw new PrepareError(
        `process ${holder} has been preparing this clone for too long: end it, or remove ${LOCK}.`,
      );
    }
    if (!told) progress(`waiting for process ${holder || '?'}, which is preparing this clone`);
    told = true;
    await delay(200);
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function modifiedAt(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs;
}

function readOr(path, otherwise = '') {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

function progress(text) {
  process.stderr.write(`${text} ...\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  refuseOldNode();
  prepare('check').catch((error) => {
    console.error(error.sentence ? `Error: ${error.sentence}` : error);
    process.exitCode = 1;
  });
}
