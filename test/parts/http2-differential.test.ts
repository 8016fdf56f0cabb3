import test, { type ExecutionContext } from 'ava';
import { EchoGrpcServer } from '../fakes/echo-grpc-server.js';
import { Http2Script, spoiled, type Act } from '../fakes/http2-script.js';
import { Nghttp2Echo } from '../fakes/nghttp2-echo.js';
import { SeededRandom } from '../fakes/seeded-random.js';
import { Http2Pair, type Outcome } from './http2-pair.js';
import { framesOf, PERMITTED, type Difference } from './http2-permitted.js';

// The same bytes to this project's HTTP/2 and to nghttp2, by chance but the same at each run: what both make of them is compared.

function alike(ours: Outcome, theirs: Outcome, last: boolean): boolean {
  if (ours.connection !== theirs.connection) return false;
  // What was still answered before the end is left to chance.
  if (ours.connection !== 'open') return true;
  if (ours.requests.join('\n') !== theirs.requests.join('\n')) return false;
  const numbers = new Set([...Object.keys(ours.streams), ...Object.keys(theirs.streams)].map(Number));
  return [...numbers].every((id) => {
    const [a, b] = [ours.streams[id], theirs.streams[id]];
    // nghttp2 says that an answer has ended only when the client's window has room for more of it, which RFC 9113 does not ask for.
    const late = !last && b?.ended === '';
    return a?.begun === b?.begun && (a?.ended === b?.ended || late);
  });
}

/** Settings may take room back that an answer uses or not, as it comes before or after them: what was said before is answered first. */
function settledGroups(acts: readonly Act[]): Act[][] {
  const groups: Act[][] = [[]];
  for (const act of acts) {
    if (act.what === 'SETTINGS') groups.push([]);
    groups.at(-1)?.push(act);
  }
  return groups.filter((group) => group.length > 0);
}

/** A whole conversation, up to where the two differ; `spoil`: with one act in it that went wrong. */
async function play(pair: Http2Pair, random: SeededRandom, spoil: boolean): Promise<Difference | undefined> {
  const script = new Http2Script(random);
  const pieces = random.chance(0.2) ? random : undefined;
  const sent: Buffer[] = [];
  const compared = async (acts: readonly Act[], last = false): Promise<Difference | undefined> => {
    const [before, part] = [Buffer.concat(sent), Buffer.concat(acts.map(({ bytes }) => bytes))];
    sent.push(part);
    await pair.send(part, pieces);
    const [ours, theirs] = await pair.outcomes(script.reset);
    return alike(ours, theirs, last) ? undefined : { before, part, ours, theirs };
  };
  for (let part = random.whole(1, 3); part > 0; part--) {
    const acts = Array.from({ length: random.whole(1, 8) }, () => script.act());
    for (const group of settledGroups(acts)) {
      const difference = await compared(group);
      if (difference !== undefined) return difference;
    }
  }
  const wrong = spoil ? [spoiled(random, script.act(), script.newest)] : [];
  return (await compared(wrong)) ?? (await compared(script.last(), true));
}

/** Only what differs. */
function told({ part, ours, theirs }: Difference): string {
  const lines = framesOf(part).map(
    ({ type, flags, stream, payload }) =>
      `type ${type}, flags ${flags}, stream ${stream}: ${payload.toString('hex').slice(0, 200)}`,
  );
  if (ours.connection !== theirs.connection)
    lines.push(`ours ${ours.connection} ${ours.code}, theirs ${theirs.connection} ${theirs.code}`);
  const but = (a: readonly string[], b: readonly string[]): string[] => a.filter((line) => !b.includes(line));
  const flat = ({ requests, streams }: Outcome): string[] => [
    ...requests,
    ...Object.entries(streams).map(([id, { begun, ended }]) => `${id}: ${begun} ${ended}`),
  ];
  lines.push(...but(flat(ours), flat(theirs)).map((line) => `  ours:   ${line}`));
  lines.push(...but(flat(theirs), flat(ours)).map((line) => `  theirs: ${line}`));
  return lines.join('\n').replace(/v{9,}/g, 'v*');
}

/** By seed. */
async function differences(t: ExecutionContext, spoil: boolean): Promise<Map<number, Difference>> {
  const servers = [await EchoGrpcServer.open(t), await Nghttp2Echo.open(t)] as const;
  const found = new Map<number, Difference>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const pair = new Http2Pair(...servers);
    const difference = await play(pair, new SeededRandom(seed), spoil);
    pair.close();
    if (difference !== undefined) found.set(seed, difference);
  }
  t.deepEqual(servers[0].unexpected, []);
  return found;
}

const SEEDS = 3_000;

test.serial(`${SEEDS} conversations that are in order are answered alike`, async (t) => {
  const found = await differences(t, false);
  t.deepEqual(
    [...found].map(([seed, difference]) => `seed ${seed}: ${told(difference)}`),
    [],
  );
});

test.serial(`of ${SEEDS} in which one thing goes wrong, those that differ do so as they may`, async (t) => {
  const others: string[] = [];
  for (const [seed, difference] of await differences(t, true)) {
    if (!Object.values(PERMITTED).some((applies) => applies(difference)))
      others.push(`seed ${seed}: ${told(difference)}`);
  }
  t.deepEqual(others, []);
});
