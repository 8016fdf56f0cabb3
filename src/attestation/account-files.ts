import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { fileStamp } from '../runtime/file-facts.js';
import type { Logger } from '../runtime/logger.js';
import type { AccountNames } from './linux-attestor.js';

/** Larger account files are not read: their names are absent. */
const MAX_BYTES = 8 * 1024 * 1024;

/** The files to read; the node's own are `/etc/passwd` and `/etc/group`. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/** Names from account files, read again when a file has changed. */
export function createAccountNames(files: AccountFiles, logger: Logger): AccountNames {
  return { users: idFile(files.passwd, logger), groups: idFile(files.group, logger) };
}

/** Id to name, for as long as the file's stamp stays the same. What is wrong with a file is logged once per stamp. */
function idFile(path: string, logger: Logger): () => ReadonlyMap<number, string> {
  let cached: { readonly stamp: string; readonly names: ReadonlyMap<number, string> } | undefined;
  return () => {
    const stamp = fileStamp(path);
    if (cached?.stamp === stamp) return cached.names;
    let read: NamesById = { names: new Map(), refused: 0 };
    try {
      read = readNames(path);
    } catch (error) {
      logger.warn('Account file is not readable: its names are absent', { path, error });
    }
    if (read.refused > 0) {
      logger.warn('Account file has names that are no plain text: they are absent', { path, count: read.refused });
    }
    cached = { stamp, names: read.names };
    return read.names;
  };
}

interface NamesById {
  readonly names: ReadonlyMap<number, string>;
  /** Entries whose name is not plain text. */
  readonly refused: number;
}

function readNames(path: string): NamesById {
  if (statSync(path).size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
  return parseAccountFile(readFileSync(path));
}

/** Parses `name:password:id:…` lines. As in the C library the first line of an id counts. */
export function parseAccountFile(content: Buffer): NamesById {
  const names = new Map<number, string>();
  const seen = new Set<number>();
  let refused = 0;
  // One byte per character, so that one name in another encoding spoils no other.
  for (const line of content.toString('latin1').split('\n')) {
    const [bytes = '', , id = ''] = line.split(':');
    // + and - lines belong to NIS.
    if (!/^[0-9]{1,10}$/.test(id) || /^[+-]/.test(bytes) || seen.has(Number(id))) continue;
    seen.add(Number(id));
    const raw = Buffer.from(bytes, 'latin1');
    const name = raw.toString('utf8');
    if (name !== '' && isUtf8(raw) && !/\p{Cc}/u.test(name)) names.set(Number(id), name);
    else refused += 1;
  }
  return { names, refused };
}
