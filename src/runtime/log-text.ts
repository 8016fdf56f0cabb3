/** A JSON log line as a line for people: `2026-01-01T00:00:00.000Z  INFO  agent.endpoints  message key=value`. */
export function textLine(line: string): string {
  const { level, ts, logger, msg, ...fields } = JSON.parse(line) as {
    level: string;
    ts: number;
    logger: string;
    msg: string;
  } & Record<string, unknown>;
  const time = new Date(ts * 1000).toISOString();
  const pairs = Object.entries(fields).map(([key, value]) => ` ${bare(key)}=${bare(value)}`);
  return `${time}  ${level.toUpperCase().padEnd(5)} ${logger}  ${escaped(msg)}${pairs.join('')}\n`;
}

/** Texts stand as they are unless that could be misread. */
function bare(value: unknown): string {
  if (typeof value !== 'string') return escaped(JSON.stringify(value));
  return /^[^\s"=\p{C}]+$/u.test(value) ? value : escaped(JSON.stringify(value));
}

/** No control character reaches a terminal. */
function escaped(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
