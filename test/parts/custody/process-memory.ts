import { open, readFile } from 'node:fs/promises';

/** Read at a time; a form that is looked for is much shorter. */
const CHUNK = 8 * 1024 * 1024;
const OVERLAP = 256;
const PAGE = 4096;

/** How a secret may stand in memory, by name. Each piece is long enough not to be there by chance. */
export type Forms = Readonly<Record<string, readonly Buffer[]>>;

/**
 * A private scalar in every form that this project or a library of it may give it. A half stands for the whole: a line break in PEM or the
 * end of a page hides the other one at most.
 */
export function formsOfScalar(scalar: Buffer): Forms {
  const halves = (bytes: Buffer): readonly Buffer[] => [bytes.subarray(0, 16), bytes.subarray(-16)];
  const text = (form: string): readonly Buffer[] =>
    [form.slice(0, 32), form.slice(-32)].map((half) => Buffer.from(half));
  const hex = scalar.toString('hex');
  return {
    'raw, also in PKCS #8 and SEC 1': halves(scalar),
    'the limbs of a big number': halves(Buffer.from(scalar).reverse()),
    hex: text(hex),
    'upper-case hex': text(hex.toUpperCase()),
    'base64, also in PEM': base64Pieces(scalar).map((piece) => Buffer.from(piece)),
    'base64url, also in a JWK': base64Pieces(scalar).map((piece) =>
      Buffer.from(piece.replaceAll('+', '-').replaceAll('/', '_')),
    ),
  };
}

/** Base64 of the octets at each of the three places that they can have in what is encoded, without what neighbours decide. */
function base64Pieces(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const own = text.slice(before === 0 ? 0 : before + 1, -2);
    return [own.slice(0, 16), own.slice(-16)];
  });
}

interface Region {
  readonly from: number;
  readonly to: number;
  readonly backed: boolean;
}

export interface Searched {
  /** Octets looked at. */
  readonly bytes: number;
  /** Names of the forms that were found. */
  readonly found: ReadonlySet<string>;
}

/**
 * Everything that a process of this machine has mapped and can read, looked through; the process stands still meanwhile, as for a core. Needs to
 * be its owner's or root's. Throws when the memory cannot be read.
 */
export async function searchMemory(pid: number, forms: Forms): Promise<Searched> {
  process.kill(pid, 'SIGSTOP');
  try {
    const maps = (await readFile(`/proc/${pid}/maps`, 'utf8')).split('\n');
    const memory = await open(`/proc/${pid}/mem`, 'r');
    try {
      const search = new Search(forms);
      for (const line of maps) {
        const [, from, to, name] = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
        // The kernel's own pages cannot be read and hold nothing of the process.
        if (from === undefined || to === undefined || name?.startsWith('[v')) continue;
        const region = { from: parseInt(from, 16), to: parseInt(to, 16), backed: name?.startsWith('/') === true };
        await readRegion(memory, region, (bytes) => search.look(bytes));
      }
      return search;
    } finally {
      await memory.close();
    }
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

type Memory = Awaited<ReturnType<typeof open>>;

/** `backed`: by a file, whose last pages may lie behind its end; nothing can be in those. */
async function readRegion(memory: Memory, region: Region, look: (bytes: Buffer) => void): Promise<void> {
  const buffer = Buffer.alloc(CHUNK + OVERLAP);
  const read = async (position: number, length: number): Promise<Buffer | undefined> => {
    try {
      const { bytesRead } = await memory.read({ buffer, offset: 0, length, position });
      return bytesRead === length ? buffer.subarray(0, length) : undefined;
    } catch {
      return undefined;
    }
  };
  for (let at = region.from; at < region.to; at += CHUNK) {
    const chunk = await read(at, Math.min(buffer.length, region.to - at));
    if (chunk !== undefined) look(chunk);
    else if (!region.backed) throw new Error(`memory at ${at.toString(16)} cannot be read`);
    else {
      for (let page = at; page < Math.min(at + CHUNK, region.to); page += PAGE) {
        const one = await read(page, PAGE);
        if (one !== undefined) look(one);
      }
    }
  }
}

/** The same search in something else than memory, such as a file. */
export function searchBytes(bytes: Buffer, forms: Forms): Searched {
  const search = new Search(forms);
  search.look(bytes);
  return search;
}

class Search implements Searched {
  bytes = 0;
  readonly found = new Set<string>();
  readonly #forms: Forms;

  constructor(forms: Forms) {
    this.#forms = forms;
  }

  look(bytes: Buffer): void {
    this.bytes += bytes.length;
    for (const [name, pieces] of Object.entries(this.#forms)) {
      if (!this.found.has(name) && pieces.some((piece) => bytes.includes(piece))) this.found.add(name);
    }
  }
}
