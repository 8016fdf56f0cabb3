import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { serialOf } from '../../bench/load/svid-serial.js';
import { growthChart } from '../../bench/report/growth-chart.js';
import { printedRows, replacePart } from '../../bench/report/printed-page.js';
import { loadService } from '../../src/runtime/load-proto.js';
import { X509CertificateGenerator } from '../../src/runtime/x509.js';

const same = (text: string): string => text;

test('a part of a page is replaced, and nothing around it', (t) => {
  const page = 'before\n<!-- a: begin -->\nold\n<!-- a: end -->\nafter\n';
  const replaced = replacePart(page, 'a', 'new\n');
  t.is(replaced, 'before\n<!-- a: begin -->\n\nnew\n\n<!-- a: end -->\nafter\n');
  t.is(replacePart(replaced, 'a', 'new\n'), replaced);
  t.throws(() => replacePart(page, 'b', 'new'), { message: /no place for b/ });
});

test('the printed table has a line per figure with its ratio, its target and whether it is reached', (t) => {
  const figure = {
    name: 'cost',
    ratios: [1, 2, 3],
    target: { is: 'at most', value: 1 },
    absolute: { own: '2 ms' },
  } as const;
  const text = printedRows('today', [{ id: 'B5', figures: [figure] }]);
  t.regex(
    text,
    /^today:\n\n```text\nB5\n {2}cost +2\.000 \[1\.000-3\.000\] +at most 1 +MISSED by 100 % +own 2 ms\n```\n$/,
  );
});

test('growth is drawn beside the straight line: twice the size at twice the cost lies on it', (t) => {
  const growth = [1, 2, 4, 8].map((factor) => ({ size: 100 * factor, cost: 3 * factor }));
  const svg = growthChart({ name: 'x, per doubling', ratios: [], absolute: {}, growth }, same);
  const points = (kind: string): string[] =>
    (new RegExp(`points="([^"]+)" class="${kind}"`).exec(svg)?.[1] ?? '').split(' ');
  const [measured, straight] = [points('measured'), points('straight')];
  t.deepEqual([measured[0], measured.at(-1)], [straight[0], straight.at(-1)]);
  t.is(growthChart({ name: 'x', ratios: [1], absolute: {} }, same), '');
});

test('the serial number of a leaf is found in the message that carries it', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const keys = {
    privateKey: await crypto.subtle.importKey(
      'pkcs8',
      privateKey.export({ format: 'der', type: 'pkcs8' }),
      algorithm,
      true,
      ['sign'],
    ),
    publicKey: await crypto.subtle.importKey(
      'spki',
      publicKey.export({ format: 'der', type: 'spki' }),
      algorithm,
      true,
      ['verify'],
    ),
  };
  const { definition } = loadService('spiffe/workload.proto', 'SpiffeWorkloadAPI');
  for (const serialNumber of ['01', '7f0000000000000000000000000000ff', '0123456789abcdef0123']) {
    const leaf = await X509CertificateGenerator.createSelfSigned({
      ...{ serialNumber, name: 'CN=a name that makes it longer than 255 octets', keys },
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    });
    const svid = {
      spiffeId: 'spiffe://example.org/a',
      x509Svid: Buffer.from(leaf.rawData),
      x509SvidKey: Buffer.alloc(8),
    };
    const message = definition['FetchX509SVID']?.responseSerialize({ svids: [svid] }) ?? Buffer.alloc(0);
    t.is(serialOf(message), leaf.serialNumber);
  }
  t.throws(() => serialOf(Buffer.from('nothing')));
});
