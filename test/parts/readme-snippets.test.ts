import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { projectRoot, run, startDev, type CommandResult, type Dev } from '../scenario/start-dev.js';

// The README's snippets, word for word, each in as little around it as its language wants.

const parts = join(projectRoot, '.ci/parts');
const clients = join(projectRoot, 'test/parts/clients');
const SPIFFE_ID = /spiffe:\/\/example\.org\/[\w./-]+/;

let dev: Dev;
let folder: string;
let readme: string;
test.before(async () => {
  dev = await startDev();
  folder = await mkdtemp(join(tmpdir(), 'readme-'));
  readme = await readFile(join(projectRoot, 'README.md'), 'utf8');
});
test.after.always(async () => {
  await dev.stop();
  await rm(folder, { recursive: true, force: true });
});

const env = () => ({ SPIFFE_ENDPOINT_SOCKET: `unix://${dev.ready.workloadSocket}` });

/** The one block of a language in "Fetch an SVID". */
function snippet(language: string): string {
  const [, section = ''] = /## Fetch an SVID\n([\s\S]*?)\n## /.exec(readme) ?? [];
  const found = [...section.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))];
  if (found.length !== 1) throw new Error(`${found.length} snippets in ${language}`);
  return found[0]?.[1] ?? '';
}

function required({ code, stdout, stderr }: CommandResult): string {
  if (code !== 0) throw new Error(`exit ${code}: ${stdout}${stderr}`);
  return stdout;
}

/** A directory with files of its own and copies of a client's. */
async function project(
  name: string,
  copies: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const directory = join(folder, name);
  await mkdir(directory, { recursive: true });
  for (const copy of copies) await cp(join(clients, name, copy), join(directory, copy), { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text);
  return directory;
}

test.serial('every language of the README has its test here', (t) => {
  const [, section = ''] = /## Fetch an SVID\n([\s\S]*?)\n## /.exec(readme) ?? [];
  const languages = [...section.matchAll(/^```(\w+)$/gm)].map(([, language]) => language);
  t.deepEqual(languages, ['go', 'python', 'java', 'rust', 'js']);
});

test.serial('Shell', async (t) => {
  const [, line = ''] = /^\*\*Shell\*\*: (.*)$/m.exec(readme) ?? [];
  const commands = [...line.matchAll(/`([^`]+)`/g)].map(([, command = '']) =>
    command.replace('…', 'node src/bin/spirldbg.mjs'),
  );
  t.is(commands.length, 4);
  for (const command of commands) {
    const asked = command.replace(/\bDIR$/, join(folder, 'written'));
    // One that watches goes on until it is stopped.
    const limited = asked.endsWith(' watch') ? `timeout 3 ${asked}; [ $? -eq 124 ]` : asked;
    const stdout = required(await run('bash', ['-c', limited], env()));
    t.regex(stdout, /spiffe:\/\/example\.org\/|^eyJ/, command);
  }
  t.regex(await readFile(join(folder, 'written/svid.pem'), 'utf8'), /BEGIN CERTIFICATE/);
});

test.serial('Python', async (t) => {
  const printed = required(await run(join(parts, 'python/bin/python'), ['-c', snippet('python')], env()));
  const [id = '', token = ''] = printed.trim().split('\n');
  t.regex(id, SPIFFE_ID);
  t.is(token.split('.').length, 3);
});

test.serial('Go', async (t) => {
  const main = `package main

import (
	"context"
	"fmt"

	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func main() {
	ctx := context.Background()
${snippet('go')}
	if err != nil {
		panic(err)
	}
	fmt.Println(svid.ID, token.ID)
}
`;
  const directory = await project('go', ['go.mod', 'go.sum'], { 'main.go': main });
  required(await run('bash', ['-c', `cd '${directory}' && go build -mod=readonly -o snippet .`], { GOFLAGS: '' }));
  t.regex(
    required(await run(join(directory, 'snippet'), [], env())),
    new RegExp(`^${SPIFFE_ID.source} ${SPIFFE_ID.source}$`, 'm'),
  );
});

test.serial('Java', async (t) => {
  const source = `import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.X509Source;

public final class Snippet {
  public static void main(String[] args) throws Exception {
${snippet('java')}
  }
}
`;
  const directory = await project('java', [], { 'Snippet.java': source });
  const classes = `${join(parts, 'java/lib/*')}:${directory}`;
  required(await run('javac', ['-cp', classes, '-d', directory, join(directory, 'Snippet.java')]));
  t.regex(required(await run('java', ['-cp', classes, 'Snippet'], env())), SPIFFE_ID);
});

test.serial('Rust', async (t) => {
  t.timeout(240_000);
  const main = `#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
${snippet('rust')}
    Ok(())
}
`;
  const directory = await project('rust', ['Cargo.toml', 'Cargo.lock', 'src'], {});
  await mkdir(join(directory, 'examples'));
  await writeFile(join(directory, 'examples/readme.rs'), main);
  // What the client depends on was compiled there when it was installed.
  const target = { CARGO_TARGET_DIR: join(parts, 'rust') };
  const build = `cd '${directory}' && cargo build --locked --quiet --example readme`;
  required(await run('bash', ['-c', build], target));
  t.regex(required(await run(join(parts, 'rust/debug/examples/readme'), [], env())), SPIFFE_ID);
});

test.serial('Node.js', async (t) => {
  const code = `import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
${snippet('js')}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: projectRoot,
    env: { ...process.env, ...env() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // The stream stays open, so the program does.
  for await (const line of createInterface({ input: child.stdout })) {
    t.regex(line, SPIFFE_ID);
    break;
  }
  child.kill();
});
