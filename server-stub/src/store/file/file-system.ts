/**
 * The calls that the file store makes, each one a point at which a process can die. Failures are Node's errors with a `code`
 * (`ENOSPC`, `EROFS`, …).
 */
export interface FileSystem {
  /** Makes the directory and its parents unless it exists; it survives a power cut. Its mode becomes 0700. */
  makeDirectory(path: string): Promise<void>;
  /** `undefined` when there is no such file. */
  readFile(path: string): Promise<Buffer | undefined>;
  /** Names in a directory. */
  listDirectory(path: string): Promise<readonly string[]>;
  /** Writes a new file, mode 0600; it must not exist. */
  createFile(path: string, data: Uint8Array): Promise<void>;
  /** Content reaches the disk. */
  syncFile(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** Names in the directory reach the disk. */
  syncDirectory(path: string): Promise<void>;
}

/** The `code` of a Node system error, `undefined` for any other error. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
