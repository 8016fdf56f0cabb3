import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseYaml } from '../../../src/runtime/yaml-document.js';
import { projectRoot } from '../../architecture/source-tree.js';
import { blocksOf, pageText, type Block, type PageRun } from '../../docs/operations-pages.js';
import { run, type CommandResult } from '../../scenario/start-dev.js';
import { demand, LabDeployment } from '../custody/lab-deployment.js';
import type { Cleanup, Lab, Provided } from '../custody/lab.js';

/** What a page needs around it. */
export interface Stage {
  /** Settings that the page does not show, and the environment of server and shell. */
  readonly provided: readonly Pick<Provided, 'settings' | 'env'>[];
  /** Texts of the page, and what stands for each here. */
  readonly standsFor: Readonly<Record<string, string>>;
  /** Asked before a block is run. */
  before?(block: Block): Promise<void>;
}

export interface PageReport {
  readonly commands: number;
  readonly configurations: number;
}

/** Every occurrence of a text by what stands for it; longer texts first, as they may hold shorter ones. */
export function substituted(text: string, standsFor: Readonly<Record<string, string>>): string {
  const known = Object.entries(standsFor).sort(([one], [other]) => other.length - one.length);
  if (known.length === 0) return text;
  const pattern = known.map(([given]) => given.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  return text.replace(new RegExp(pattern, 'g'), (given) => standsFor[given] ?? given);
}

/** A shell in one directory that remembers what was exported. */
export class Shell {
  readonly #directory: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(directory: string, env: Readonly<Record<string, string>>) {
    this.#directory = directory;
    this.#env = env;
  }

  /** The directory has `spirlctl`, so that a page's commands find it as an operator's shell does. */
  static async open(directory: string, env: Readonly<Record<string, string>>): Promise<Shell> {
    const bin = join(directory, 'bin');
    await mkdir(bin, { recursive: true });
    const program = join(projectRoot, 'server-stub/bin/spirlctl.mjs');
    // What an operator reads off `prepare` and puts in for the new id.
    const spirlctl = `#!/bin/sh
said=$("${process.execPath}" "${program}" "$@")
code=$?
[ -z "$said" ] || printf '%s\\n' "$said"
case "$said" in "Keyset "*" prepared.") printf %s "$said" | cut -d ' ' -f 2 > '${join(directory, 'prepared')}' ;; esac
exit $code
`;
    await writeFile(join(bin, 'spirlctl'), spirlctl, { mode: 0o755 });
    await writeFile(join(directory, 'exported'), '');
    return new Shell(directory, { ...env, PATH: `${bin}:${process.env['PATH'] ?? ''}` });
  }

  run(commands: string): Promise<CommandResult> {
    const script = `cd '${this.#directory}'\n. ./exported\nset -euo pipefail\n${commands}\nset +u\nexport -p > ./exported\n`;
    return run('bash', ['-c', script], this.#env);
  }
}

/** Sets up what a page of custody says, and does what it says, block by block. Throws with the first that does not hold. */
export async function runPage(page: PageRun, stage: Stage, lab: Lab, cleanup: Cleanup): Promise<PageReport> {
  const blocks = blocksOf(pageText(page)).filter(({ notRun }) => notRun === undefined);
  const own = blocks.flatMap(({ language, text }) => (language === 'yaml' ? serverSettings(text, stage) : []));
  const none = (): Promise<void> => Promise.resolve();
  const provided = [...own.map((settings) => ({ settings, env: {} })), ...stage.provided];
  const deployment = await LabDeployment.make(
    lab,
    cleanup,
    provided.map((one) => ({ ...one, down: none, up: none })),
  );
  await deployment.start();
  await deployment.startAgent();
  const directory = await cleanup.folder();
  const env = Object.assign(
    { SPIRL_SERVER: join(deployment.dir, 'admin.sock') },
    ...provided.map((one) => one.env),
  ) as Record<string, string>;
  const shell = await Shell.open(directory, env);
  let commands = 0;
  let configurations = own.length;
  for (const [index, block] of blocks.entries()) {
    if (block.language === 'yaml' && 'section' in (parseYaml(block.text, page) as object)) {
      await writeFile(join(directory, fileNameAfter(blocks, index)), substituted(block.text, stage.standsFor));
      configurations += 1;
    }
    if (block.language !== 'sh') continue;
    await stage.before?.(block);
    await deployment.jwtAgain();
    const asked = await withIds(substituted(block.text, { ...stage.standsFor, ...metricsOf(deployment) }), deployment);
    const { code, stdout, stderr } = await shell.run(asked);
    demand(code === 0, `${page}, line ${block.line}: exit ${code} of\n${asked}\n${stdout}${stderr}`);
    commands += 1;
    const next = blocks[index + 1];
    if (next?.language === 'text' && next.line === block.line + block.text.split('\n').length + 2) {
      const [said, printed] = [shapeOf(stdout), shapeOf(substituted(next.text, stage.standsFor))];
      demand(said === printed, `${page}, line ${next.line}: the page says\n${printed}\nthe program\n${said}`);
    } else if (next?.language === 'text') requireSaid(deployment, next, stage, page);
  }
  // What the log says from the start, wherever it stands.
  for (const [index, block] of blocks.entries()) {
    if (block.language === 'text' && blocks[index - 1]?.language !== 'sh') requireSaid(deployment, block, stage, page);
  }
  return { commands, configurations };
}

function requireSaid(deployment: LabDeployment, { text, line }: Block, { standsFor }: Stage, page: string): void {
  const says = substituted(text, standsFor);
  demand(deployment.server.output().includes(says), `${page}, line ${line}: the server never said ${says}`);
}

/** A block of the server's own configuration; the alternative to `config set` is not also given. */
function serverSettings(text: string, { standsFor }: Stage): readonly Readonly<Record<string, unknown>>[] {
  const value = parseYaml(substituted(text, standsFor), 'page') as Record<string, unknown>;
  return 'section' in value || 'managedConfig' in value ? [] : [value];
}

/** The command that follows a section names its file. */
function fileNameAfter(blocks: readonly Block[], index: number): string {
  const [, name] = /\bconfig set .* (\S+\.yaml)\s*$/m.exec(blocks[index + 1]?.text ?? '') ?? [];
  if (name === undefined) throw new Error(`nothing uses the section of line ${blocks[index]?.line}`);
  return name;
}

function metricsOf(deployment: LabDeployment): Readonly<Record<string, string>> {
  const [, host = ''] =
    /http:\/\/(127\.0\.0\.1:\d+)/.exec(deployment.server.output().split('Serving metrics and health')[1] ?? '') ?? [];
  return { '127.0.0.1:9090': host };
}

/** What an operator reads off `list`, or off the `prepare` before, and puts in. */
async function withIds(text: string, deployment: LabDeployment): Promise<string> {
  return substituted(text, {
    '<deployment-id>': await deployment.deploymentId(),
    '<active-keyset-id>': await deployment.activeId(),
    '<new-keyset-id>': '$(cat prepared)',
    '<keyset-id>': '$(cat prepared)',
    '<cluster-id>': text.includes('<cluster-id>') ? await clusterId(deployment) : '',
  });
}

async function clusterId(deployment: LabDeployment): Promise<string> {
  const { stdout } = await deployment.ctl('cluster', 'list', '-o', 'json');
  return /"(c-[a-z0-9]+)"/.exec(stdout)?.[1] ?? '';
}

/** Without what differs each time: ids, and how wide columns are. */
function shapeOf(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) =>
      line
        .replace(/\bks_[a-z0-9]{10}\b/g, 'ks_…')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .join('\n');
}
