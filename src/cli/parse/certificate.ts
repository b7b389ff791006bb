import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { SmError } from "../../base/errors.js";

/** The fingerprint of a certificate, given as its 64 digits (with or without colons) or as a file in PEM or DER. */
export async function parseCertificate(option: string, text: string): Promise<string> {
  const digits = text.replaceAll(":", "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  try {
    return createHash("sha256")
      .update(new X509Certificate(await readFile(text)).raw)
      .digest("hex");
  } catch (error) {
    throw new SmError("USAGE", `${option} ${text}: neither a sha256 fingerprint nor a file with a certificate`, { cause: error });
  }
}
