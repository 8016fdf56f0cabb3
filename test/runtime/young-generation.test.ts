import test from 'ava';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

// V8's settings are those of a whole process, so each case has one of its own.

const MIB = 1024 * 1024;

/** Young space of a program in which many objects survive, in MiB: the most, after V8 has made it smaller, and the most again. */
interface YoungSpace {
  readonly most: number;
  readonly reduced: number;
  readonly mostAgain: number;
}

const PROGRAM = `
  const young = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size / ${MIB};
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const survivors = [];
  async function most() {
    let most = 0;
    for (let round = 0; round < 500; round++) {
      survivors[round % 200] = Array.from({ length: 1000 }, (_, index) => ({ index, text: 'x' + index }));
      await turn();
      most = Math.max(most, young());
    }
    return most;
  }
  const first = await most();
  survivors.length = 0;
  for (let round = 0; round < 5; round++) {
    gc({ type: 'major', flavor: 'last-resort', execution: 'sync' });
    await turn();
  }
  const reduced = young();
  console.log(JSON.stringify({ most: first, reduced, mostAgain: await most() }));
  process.exit();
`;

async function youngSpace(before: string): Promise<YoungSpace> {
  const module = new URL('../../src/runtime/young-generation.js', import.meta.url).href;
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { boundYoungGeneration } from ${JSON.stringify(module)};
    ${before}
    ${PROGRAM}
  `;
  // How much it may take at most depends on the machine's memory, unless it is said.
  const args = ['--max-semi-space-size=16', '--expose-gc', '--input-type=module', '-e', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  return JSON.parse(stdout) as YoungSpace;
}

test('the space for young objects stays near its bound, and grows up to it again when V8 has made it smaller', async (t) => {
  const { most, mostAgain } = await youngSpace(`boundYoungGeneration(${8 * MIB});`);
  t.true(most >= 4 && most <= 16, `${most} MiB`);
  // On Node 20 nothing but time makes V8 give some of it back; Node 24 does when it is asked.
  t.true(mostAgain >= 4 && mostAgain <= 16, `${mostAgain} MiB`);
});

test('left alone the space for young objects would grow to many times as much', async (t) => {
  const { most, mostAgain } = await youngSpace('');
  t.true(Math.min(most, mostAgain) >= 32, `${most} and ${mostAgain} MiB`);
});
