export const X509_PATH = '/SpiffeWorkloadAPI/FetchX509SVID';
export const JWT_PATH = '/SpiffeWorkloadAPI/FetchJWTSVID';

/** `JWTSVIDRequest` with one audience of up to 127 bytes. */
export function jwtRequest(audience: string): Buffer {
  const bytes = Buffer.from(audience);
  return Buffer.concat([Buffer.of(0x0a, bytes.length), bytes]);
}
