import test from 'ava';
import type { Ring } from '../../../server-stub/src/domain/keyset.js';
import { MemoryFileSystem, type CrashMode, type Remains } from '../../fakes/memory-file-system.js';
import { activeId, openDeployment, operator, requireUsable, signal, statesOf, type Deployment } from './deployment.js';
import { DAY } from './rings.js';

// The process dies at every step on disk of every mutation, one after the other: before it, after it, and in the middle of a
// write; and each time the disk is found as after a kill, after a power cut, and as after a power cut that kept new names.

const MODES: readonly CrashMode[] = ['before', 'after', 'torn'];
const REMAINS: readonly Remains[] = ['killed', 'power cut', 'names only'];

/** Only writing can stop in the middle. */
const isSameAsAfter = (mode: CrashMode, { diedIn }: MemoryFileSystem): boolean =>
  mode === 'torn' && diedIn !== '' && diedIn !== 'createFile';

interface Scene {
  readonly name: string;
  /** What was done before, on a disk that holds. */
  readonly before: (deployment: Deployment) => Promise<unknown>;
  readonly mutate: (deployment: Deployment) => Promise<unknown>;
  readonly wants: string[];
}

const oldest = ({ service }: Deployment): string => service.state.value.ring.keysets.at(-1)?.id ?? '';
const newest = ({ service }: Deployment): string => service.state.value.ring.keysets[0]?.id ?? '';
const prepare = (d: Deployment) => d.service.prepare(operator, signal);
const activate = (d: Deployment) => d.service.activate(newest(d), operator, signal);
const taint = (d: Deployment) => d.service.taint(oldest(d), operator, signal);
const remove = (d: Deployment) => d.service.remove(oldest(d), operator, signal);
const rotate = (d: Deployment) => d.service.rotate(signal);

const scenes: Scene[] = [
  { name: 'prepare', before: () => Promise.resolve(), mutate: prepare, wants: ['PREPARED', 'ACTIVE'] },
  { name: 'activate', before: prepare, mutate: activate, wants: ['ACTIVE', 'PREPARED'] },
  { name: 'taint', before: (d) => prepare(d).then(() => activate(d)), mutate: taint, wants: ['ACTIVE', 'TAINTED'] },
  {
    name: 'remove',
    before: (d) =>
      prepare(d)
        .then(() => activate(d))
        .then(() => taint(d)),
    mutate: remove,
    wants: ['ACTIVE'],
  },
  {
    name: 'retire by schedule',
    before: async (d) => {
      await prepare(d);
      await activate(d);
      d.clock.jump(8 * DAY);
    },
    mutate: rotate,
    wants: ['ACTIVE'],
  },
];

/** The next process finds a ring that is the one before or the one after, usable keys for it, and nothing left over. */
async function requireSound(
  disk: MemoryFileSystem,
  scene: Deployment,
  rings: readonly Ring[],
  place: string,
): Promise<Deployment> {
  const next = await openDeployment({ files: disk, clock: scene.clock });
  const { ring } = next.service.state.value;
  if (!rings.some((known) => known.revision === ring.revision)) throw new Error(`${place}: revision ${ring.revision}`);
  requireUsable(next.service.state.value);
  const wanted = [...ring.keysets.map(({ id }) => `keysets/${id}`).sort(), 'ring'];
  const found = await next.store.list('');
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${place}: left over ${String(found)}`);
  const files = [...disk.names.keys()].filter((path) => path.includes('.tmp-'));
  if (files.length > 0) throw new Error(`${place}: ${String(files)}`);
  return next;
}

for (const scene of scenes) {
  test(`${scene.name}: at whatever step the process dies, the ring is the one before or the one after`, async (t) => {
    const base = await openDeployment();
    await scene.before(base);
    const before = base.service.state.value.ring;
    let points = 0;
    let [kept, done] = [0, 0];
    for (const mode of MODES) {
      for (let at = 1, alive = false; !alive; at++) {
        // A disk of its own for each death.
        const files = base.files.after('killed');
        const victim = await openDeployment({ files, clock: base.clock });
        const start = files.steps;
        files.crash = { at: start + at, mode };
        alive = await scene.mutate(victim).then(
          () => files.steps < start + at,
          () => false,
        );
        if (isSameAsAfter(mode, files)) continue;
        const seen = victim.service.state.value.ring;
        for (const remains of REMAINS) {
          const place = `${scene.name}, ${mode} step ${at}, ${remains}`;
          // What was in use before the process died is never lost; otherwise either ring will do.
          const after = { ...before, revision: before.revision + 1 };
          const rings = seen.revision > before.revision ? [seen] : [before, after];
          const next = await requireSound(files.after(remains), base, rings, place);
          const { ring } = next.service.state.value;
          if (ring.revision > before.revision) {
            t.deepEqual(statesOf(next.service.state.value), scene.wants, place);
            done++;
          } else {
            t.deepEqual(ring, before, place);
            kept++;
          }
          points++;
        }
      }
    }
    t.log(`${points} deaths: ${kept} times the ring before, ${done} times the ring after`);
    t.true(kept > 0 && done > 0);
  });
}

test('first start: at whatever step the process dies, the next start ends with one active keyset', async (t) => {
  let points = 0;
  for (const mode of MODES) {
    for (let at = 1, alive = false; !alive; at++) {
      const files = new MemoryFileSystem();
      files.crash = { at, mode };
      alive = await openDeployment({ files }).then(
        () => files.steps < at,
        () => false,
      );
      if (isSameAsAfter(mode, files)) continue;
      // Each of these opens makes the keyset that is missing, which costs a certificate: one kind of remains per step.
      const remains = REMAINS[at % REMAINS.length] ?? 'killed';
      const next = await openDeployment({ files: files.after(remains) });
      t.deepEqual(statesOf(next.service.state.value), ['ACTIVE'], `${mode} step ${at}, ${remains}`);
      requireUsable(next.service.state.value);
      t.deepEqual(await next.store.list(''), [`keysets/${activeId(next.service.state.value)}`, 'ring']);
      points++;
    }
  }
  t.log(`${points} deaths`);
});
