/** Lines of `Label:  value`, aligned; a value of several lines is indented under its label. Rows without a value are left out. */
export function labelled(rows: readonly (readonly [label: string, value: string | undefined])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length)) + 3;
  return rows
    .filter(([, value]) => value !== undefined)
    .map(([label, value = '']) => `${label}:`.padEnd(width) + value.split('\n').join(`\n${' '.repeat(width)}`) + '\n')
    .join('');
}
