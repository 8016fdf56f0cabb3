/** One attribute of a distinguished name: its OID in dotted form and its value. */
export interface SubjectAttribute {
  readonly oid: string;
  readonly value: string;
}

/** An X.509 subject: relative names in the order of the certificate (`C` before `CN`), each with one attribute or more. Empty: no subject. */
export type SubjectName = readonly (readonly SubjectAttribute[])[];
