/** A template that cannot be compiled; the message says what was expected. The compiler adds where it stands. */
export class MalformedTemplate extends Error {
  override readonly name = 'MalformedTemplate';
}
