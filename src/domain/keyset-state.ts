/** PREPARED: trusted, not signing. ACTIVE: signs everything new, exactly one. TAINTED: trusted, to be replaced. */
export type KeysetState = 'PREPARED' | 'ACTIVE' | 'TAINTED';

/** `ks_` and ten characters of a-z, 0-9. */
export const KEYSET_ID_PATTERN = /^ks_[a-z0-9]{10}$/;
