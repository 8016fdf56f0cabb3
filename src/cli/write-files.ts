import { createPrivateKey } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { certificatePem } from '../runtime/certificate-facts.js';
import type { X509SvidMessage } from '../runtime/workload-client.js';
import { splitCertificates } from './certificate-list.js';

/** Writes svid.pem (leaf first), svid_key.pem (0600) and bundle.pem to `folder`; each file is replaced whole. Returns their paths. */
export async function writeX509Svid(folder: string, svid: X509SvidMessage): Promise<readonly string[]> {
  const key = createPrivateKey({ key: svid.x509SvidKey, format: 'der', type: 'pkcs8' });
  const pem = (der: Buffer): string => splitCertificates(der).map(certificatePem).join('');
  const files = [
    // The certificate comes last: who waits for it finds its key and its bundle.
    { name: 'bundle.pem', mode: 0o644, text: pem(svid.bundle) },
    { name: 'svid_key.pem', mode: 0o600, text: key.export({ format: 'pem', type: 'pkcs8' }).toString() },
    { name: 'svid.pem', mode: 0o644, text: pem(svid.x509Svid) },
  ];
  await mkdir(folder, { recursive: true });
  for (const { name, mode, text } of files) await replaceFile(join(folder, name), text, mode);
  return files.map(({ name }) => join(folder, name));
}

/** Replaces a file whole: a reader sees the old content or the new one, and never with other permissions. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.new`;
  // A leftover of a killed run could have other permissions.
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
