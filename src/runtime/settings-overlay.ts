/** Values from the command line by the dotted name of their setting (`agent.socketPath`); `undefined` is left out. */
export type SettingOverrides = Readonly<Record<string, unknown>>;

/** A copy of `document` with `overrides` laid over it. What is no group of settings on the way is replaced by one. */
export function overlaySettings(document: unknown, overrides: SettingOverrides): unknown {
  return Object.entries(overrides)
    .filter(([, value]) => value !== undefined)
    .reduce((result, [name, value]) => withValue(result, name.split('.'), value), document);
}

function withValue(document: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const group = typeof document === 'object' && document !== null && !Array.isArray(document) ? document : {};
  const entries = new Map<string, unknown>(Object.entries(group));
  entries.set(key, withValue(entries.get(key), rest, value));
  return Object.fromEntries(entries);
}
