import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../../docs/operations/', import.meta.url);

/** A fenced block of an operator's page, without the indentation of the list it stands in. */
export interface Block {
  /** Line of its first fence, from 1. */
  readonly line: number;
  /** `sh`: commands; `yaml`: configuration; `text`: what a program says; `json`. */
  readonly language: string;
  readonly text: string;
  /** Why nobody runs it; as the line before it says. */
  readonly notRun?: string;
}

/** The line that stands before each block of commands that no test runs. */
const NOT_RUN = /^ *> Not run by this project's tests: (.+)$/;

/** Pages whose commands `test/parts/operations` runs, block by block, as they are printed. */
export const PAGES_RUN = [
  'running.md',
  'key-rotation.md',
  'key-wrapping-aws-kms.md',
  'key-wrapping-azure.md',
  'key-manager-aws-kms.md',
  'key-manager-azure-key-vault.md',
  'key-manager-pkcs11.md',
  'key-manager-webhook.md',
  'upstream-aws-private-ca.md',
  'upstream-disk.md',
  'upstream-webhook.md',
] as const;
export type PageRun = (typeof PAGES_RUN)[number];

export function operationsPages(): readonly string[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith('.md'));
}

export function pageText(page: string): string {
  return readFileSync(new URL(page, FOLDER), 'utf8');
}

/** The fenced blocks of a page, in order. Throws for a fence that is never closed. */
export function blocksOf(text: string): readonly Block[] {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, indent, language] = /^( *)```(.*)$/.exec(lines[at] ?? '') ?? [];
    if (indent === undefined || language === undefined) continue;
    const end = lines.indexOf(`${indent}\`\`\``, at + 1);
    if (end < 0) throw new Error(`the block of line ${at + 1} is never closed`);
    const content = lines.slice(at + 1, end).map((line) => line.slice(indent.length));
    const before = lines.slice(0, at).findLast((line) => line.trim() !== '') ?? '';
    const [, notRun] = NOT_RUN.exec(before) ?? [];
    blocks.push({ line: at + 1, language, text: content.join('\n'), ...(notRun !== undefined && { notRun }) });
    at = end;
  }
  return blocks;
}
