// Which certificate a server of ours is to show: while its key is rotated it has two, and who dials says by the TLS server name which of
// them it knows. A server without a rotation does not look at it.

const SUFFIX = ".sm";
const LABEL_CHARACTERS = 32;

/** The server name that asks for the certificate with this sha256. */
export function serverNameOf(fingerprint: string): string {
  return `${fingerprint.slice(0, LABEL_CHARACTERS)}${SUFFIX}`;
}
