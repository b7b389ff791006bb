// Key and certificate of an agent as files: a directory that appears complete or not at all.

import { createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { SmError } from "../base/errors.js";
import { isErrno, makePrivateDirectory, readSecretFile, refuseShared, syncPath, writeSecretFile } from "./secret-file.js";

const DRAFT = "identity.new";
const VALID_YEARS = 30;
/** Upper bound of a common name (X.520). */
const COMMON_NAME_MAX = 64;

export interface IdentityFiles {
  readonly keyPem: string;
  readonly certPem: string;
}

/** Undefined when the directory is not there. */
export async function loadFiles(directory: string): Promise<IdentityFiles | undefined> {
  try {
    await refuseShared(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  const [keyPem, certPem] = [await readSecretFile(join(directory, "key.pem")), await readSecretFile(join(directory, "cert.pem"))];
  // The directory appears complete or not at all: a missing half was taken away, and a new one would break every pin.
  if (keyPem === undefined || certPem === undefined) {
    throw new SmError("STATE_CORRUPT", `${join(directory, keyPem === undefined ? "key.pem" : "cert.pem")} is missing, the other half of the identity is there`);
  }
  return { keyPem, certPem };
}

export function checkFiles(directory: string, files: IdentityFiles): X509Certificate {
  let fitting: boolean;
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(files.certPem);
    fitting = certificate.checkPrivateKey(createPrivateKey(files.keyPem));
  } catch (error) {
    throw new SmError("STATE_CORRUPT", `${directory}: key.pem or cert.pem is not valid PEM`, { cause: error });
  }
  if (!fitting) throw new SmError("STATE_CORRUPT", `${directory}: key.pem is not the key of cert.pem`);
  return certificate;
}

/** Complete under its name, durably, or not at all. */
export async function createFiles(stateDir: string, directory: string, name: string): Promise<IdentityFiles> {
  const files = await generate(name);
  const draft = join(stateDir, DRAFT);
  await rm(draft, { recursive: true, force: true });
  await makePrivateDirectory(draft);
  await writeSecretFile(join(draft, "key.pem"), files.keyPem);
  await writeSecretFile(join(draft, "cert.pem"), files.certPem);
  await syncPath(draft);
  await rename(draft, directory);
  await syncPath(stateDir);
  return files;
}

async function generate(name: string): Promise<IdentityFiles> {
  // Loaded on first start only: the library costs a quarter of a second, which no later start has to pay.
  await import("reflect-metadata");
  const { BasicConstraintsExtension, X509CertificateGenerator } = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const notBefore = new Date();
  const notAfter = new Date(notBefore);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + VALID_YEARS);
  const cert = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: Buffer.concat([Buffer.from([1]), webcrypto.getRandomValues(Buffer.alloc(15))]).toString("hex"),
      name: [{ CN: [name.slice(0, COMMON_NAME_MAX)] }],
      notBefore,
      notAfter,
      signingAlgorithm: algorithm,
      keys,
      extensions: [new BasicConstraintsExtension(false, undefined, true)],
    },
    webcrypto as never,
  );
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  return { keyPem: pem("PRIVATE KEY", der), certPem: pem("CERTIFICATE", Buffer.from(cert.rawData)) };
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
