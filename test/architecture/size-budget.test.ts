import test from 'ava';
import { readSources } from './source-tree.js';

const files = readSources('src', 'server-stub/src', 'server-stub/cli');
const lines = files.map((file) => file.lines).sort((a, b) => a - b);
const quantile = (q: number): number => lines[Math.min(lines.length - 1, Math.floor(q * lines.length))] ?? 0;

test('no file has more than 400 lines', (t) => {
  t.deepEqual(
    files.filter((file) => file.lines > 400).map((file) => `${file.path}: ${file.lines}`),
    [],
  );
});

test('nine of ten files have at most 250 lines', (t) => {
  t.true(quantile(0.9) <= 250, `the 90th percentile is ${quantile(0.9)}`);
});

test('half of the files have at most 120 lines', (t) => {
  t.true(quantile(0.5) <= 120, `the median is ${quantile(0.5)}`);
});
