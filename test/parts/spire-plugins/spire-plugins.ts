import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { partFile } from '../part-process.js';

/** See `main.go`. */
export interface SpireQuestion {
  readonly trustDomain: string;
  readonly region: string;
  readonly serverId: string;
  /** Ids and types. */
  readonly make?: readonly (readonly [string, 'ec-p256' | 'ec-p384' | 'rsa-2048'])[];
  readonly message: Buffer;
  readonly certificateAuthorityArn?: string;
  readonly mintFor?: string;
  readonly ttlSeconds?: number;
  /** Signatures over the message, ECDSA as raw r||s. */
  readonly verify?: readonly { readonly spki: Uint8Array; readonly signature: Uint8Array }[];
}

/** Keys, signatures and certificates are DER. */
export interface SpireAnswer {
  readonly found: readonly string[];
  readonly keys: readonly { readonly id: string; readonly spki: Buffer; readonly signature: Buffer }[];
  readonly csr: Buffer;
  readonly chain: readonly Buffer[];
  readonly roots: readonly Buffer[];
  readonly verified: readonly boolean[];
}

/** Loads SPIRE's AWS plugins, has them do all of `question`, unloads them. */
export async function askSpirePlugins(
  question: SpireQuestion,
  env: Readonly<Record<string, string>>,
): Promise<SpireAnswer> {
  const program = partFile('bin/spire-plugins', 'parts-spire-plugins.sh');
  const child = spawn(program, [], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  const { message, verify = [] } = question;
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const signatures = verify.map(({ spki, signature }) => ({ spki: base64(spki), signature: base64(signature) }));
  child.stdin.end(JSON.stringify({ ...question, message: base64(message), verify: signatures }));
  const [said, told] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`spire-plugins: ${told}`);
  const answer = JSON.parse(said) as Answer;
  const bytes = (value: string | null): Buffer => Buffer.from(value ?? '', 'base64');
  return {
    found: answer.found,
    keys: (answer.keys ?? []).map(({ id, spki, signature }) => ({
      id,
      spki: bytes(spki),
      signature: bytes(signature),
    })),
    csr: bytes(answer.csr),
    chain: (answer.chain ?? []).map(bytes),
    roots: (answer.roots ?? []).map(bytes),
    verified: answer.verified ?? [],
  };
}

/** As Go writes it: bytes in base64, null for an empty list. */
interface Answer {
  readonly found: readonly string[];
  readonly keys: readonly { readonly id: string; readonly spki: string; readonly signature: string }[] | null;
  readonly csr: string | null;
  readonly chain: readonly string[] | null;
  readonly roots: readonly string[] | null;
  readonly verified: readonly boolean[] | null;
}
