/** Who gave an administrative command; goes to the audit log. */
export interface Operator {
  /** For example `uid:0` on the admin socket, `schedule` for the rotation loop. */
  readonly name: string;
}
