import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { EchoGrpcServer } from '../fakes/echo-grpc-server.js';
import { partFile } from './part-process.js';

// h2spec 2.6.0, all of it, strict cases included, against the gRPC server of the agent's socket.

const CASES = 147;

interface Run {
  readonly name: string;
  readonly program: string;
  readonly path: string;
  /** Cases that do not pass, each with its reason. One that begins to pass fails the test, too. */
  readonly exceptions: Readonly<Record<string, string>>;
}

const RUNS: readonly Run[] = [
  { name: 'with gRPC calls for requests', program: 'h2spec-grpc', path: '/S/Talk', exceptions: {} },
];

for (const { name, program, path, exceptions } of RUNS) {
  test.serial(`h2spec ${name}: every case passes but those that are named here`, async (t) => {
    const served = await EchoGrpcServer.open(t, { tcp: true });
    const cases = await h2spec(program, ['--port', String(served.port), '--path', path, '--strict']);
    t.is(cases.length, CASES);
    const others = cases.filter(({ outcome }) => outcome !== 'passed');
    for (const { name, said } of others) t.log(name, said);
    t.deepEqual(others.map(({ name }) => name).sort(), Object.keys(exceptions).sort());
    t.deepEqual(served.unexpected, []);
  });
}

interface Case {
  /** `suite/section: what it does`. */
  readonly name: string;
  readonly outcome: 'passed' | 'skipped' | 'failed';
  /** What was expected and what came. */
  readonly said: string;
}

async function h2spec(program: string, args: readonly string[]): Promise<Case[]> {
  const folder = mkdtempSync(join(tmpdir(), 'h2spec-'));
  const report = join(folder, 'report.xml');
  try {
    const file = partFile(`bin/${program}`, 'parts-h2spec.sh');
    // Its exit code says only that some case failed, which the report says better.
    await new Promise<void>((resolve) => {
      execFile(file, [...args, '--junit-report', report], { maxBuffer: 10_000_000 }, () => resolve());
    });
    return [...readFileSync(report, 'utf8').matchAll(TESTCASE)].map((found) => caseOf(found));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const TESTCASE = /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;

function caseOf([, section = '', title = '', body = '']: RegExpMatchArray): Case {
  const outcome = body.includes('<skipped>') ? 'skipped' : body.trim() === '' ? 'passed' : 'failed';
  return { name: `${section}: ${title.replaceAll('&#34;', '"')}`, outcome, said: body.trim() };
}
