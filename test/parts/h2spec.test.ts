import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { EchoGrpcServer } from '../fakes/echo-grpc-server.js';
import { makeTlsIdentity } from '../fakes/tls-identity.js';
import { partFile } from './part-process.js';

// h2spec 2.6.0, all of it, strict cases included, against the gRPC server of the agent's socket.

const CASES = 147;

interface Run {
  readonly name: string;
  readonly program: string;
  readonly path: string;
  readonly tls?: boolean;
  /** How long a case waits for what does not come; on a busy machine an answer may take its time. */
  readonly seconds: number;
  /** Cases that do not pass, each with its reason. One that begins to pass fails the test, too. */
  readonly exceptions: Readonly<Record<string, string>>;
}

const ENDED = 'the answer, 405, has ended the stream before the case does to it what it is about';
const NO_BODY = 'the answer, 405, has no body';

const RUNS: readonly Run[] = [
  { name: 'with gRPC calls for requests', program: 'h2spec-grpc', path: '/S/Talk', seconds: 10, exceptions: {} },
  {
    name: 'with gRPC calls for requests, behind TLS',
    program: 'h2spec-grpc',
    path: '/S/Talk',
    tls: true,
    seconds: 10,
    exceptions: {},
  },
  {
    name: 'as it is, with requests that are no gRPC',
    program: 'h2spec',
    path: '/',
    seconds: 2,
    exceptions: {
      'generic/2: Sends a WINDOW_UPDATE frame on half-closed (remote) stream': NO_BODY,
      'generic/2: Sends a PRIORITY frame on half-closed (remote) stream': NO_BODY,
      'http2/5.1: closed: Sends a DATA frame after sending RST_STREAM frame': ENDED,
      'http2/5.1: closed: Sends a HEADERS frame after sending RST_STREAM frame': ENDED,
      'http2/5.1.2: Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded': ENDED,
      'http2/6.5.3: Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE': NO_BODY,
      'http2/6.9: Sends a WINDOW_UPDATE frame with a flow control window increment of 0 on a stream': ENDED,
      'http2/6.9.1: Sends SETTINGS frame to set the initial window size to 1 and sends HEADERS frame': NO_BODY,
      'http2/6.9.1: Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream':
        ENDED,
      'http2/6.9.2: Changes SETTINGS_INITIAL_WINDOW_SIZE after sending HEADERS frame': NO_BODY,
      'http2/6.9.2: Sends a SETTINGS frame for window size to be negative': NO_BODY,
      'http2/8.1: Sends a second HEADERS frame without the END_STREAM flag': ENDED,
      'http2/8.1.2.1: Sends a HEADERS frame that contains a pseudo-header field as trailers': ENDED,
      'http2/8.1.2.6: Sends a HEADERS frame with the "content-length" header field which does not equal the DATA frame payload length':
        ENDED,
      'http2/8.1.2.6: Sends a HEADERS frame with the "content-length" header field which does not equal the sum of the multiple DATA frames payload length':
        ENDED,
    },
  },
];

for (const { name, program, path, tls = false, seconds, exceptions } of RUNS) {
  test.serial(`h2spec ${name}: every case passes but those that are named here`, async (t) => {
    const served = await EchoGrpcServer.open(t, tls ? { tls: await makeTlsIdentity() } : { tcp: true });
    const cases = await h2spec(program, [
      '--port',
      String(served.port),
      '--path',
      path,
      '--strict',
      '--timeout',
      String(seconds),
      ...(tls ? ['--tls', '--insecure'] : []),
    ]);
    t.is(cases.length, CASES);
    const others = cases.filter(({ outcome }) => outcome !== 'passed');
    for (const { name, said } of others) if (!(name in exceptions)) t.log(name, said);
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
