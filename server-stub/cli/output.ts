/** Columns aligned by spaces, two between them; no spaces at the ends of lines. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function width(cell: string): number {
  return Array.from(cell).length;
}

/** As Go prints a time: `2025-10-15 09:23:41 +0000 UTC`. `-` for 0, which is how the wire says never. */
export function goTime(ms: number): string {
  return ms === 0 ? '-' : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}

/** RFC 3339, for JSON; `null` for 0. */
export function jsonTime(ms: number): string | null {
  return ms === 0 ? null : new Date(ms).toISOString();
}

/** `AB:CD:…` as openssl prints fingerprints. */
export function colonHex(hex: string): string {
  return (hex.toUpperCase().match(/../g) ?? []).join(':');
}
