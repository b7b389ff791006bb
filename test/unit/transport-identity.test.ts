import { X509Certificate } from "node:crypto";
import { chmod, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { fingerprintOf, Identity } from "../../src/transport/identity.js";
import { Cleanup, tempDirectory } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

test("the first start makes an identity, later ones find it", async () => {
  const directory = await tempDirectory(cleanup);
  const made = await Identity.open(directory, "alpha, with = odd name");
  const found = await Identity.open(directory, "beta");
  expect(found.fingerprint).toBe(made.fingerprint);
  expect(found.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  const certificate = new X509Certificate(await readFile(join(directory, "identity", "cert.pem")));
  expect(fingerprintOf(certificate.raw)).toBe(made.fingerprint);
  expect(certificate.toLegacyObject().subject.CN).toBe("alpha, with = odd name");
  expect(Date.parse(certificate.validTo) - Date.now()).toBeGreaterThan(10 * 365 * 86_400_000);
  expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
});

test("key and certificate are private to the account", async () => {
  const directory = await tempDirectory(cleanup);
  await Identity.open(directory, "alpha");
  const mode = async (path: string): Promise<number> => (await stat(join(directory, path))).mode & 0o777;
  expect(await mode("identity")).toBe(0o700);
  expect(await mode("identity/key.pem")).toBe(0o600);
  expect(await mode("identity/cert.pem")).toBe(0o600);
});

test.each([
  ["identity/key.pem", 0o640, "600"],
  ["identity/cert.pem", 0o602, "600"],
  ["identity", 0o755, "700"],
])("%s with mode %o is refused with the chmod that helps", async (name, mode, wanted) => {
  const directory = await tempDirectory(cleanup);
  await Identity.open(directory, "alpha");
  const path = join(directory, name);
  await chmod(path, mode);
  await expect(Identity.open(directory, "alpha")).rejects.toMatchObject({
    code: "IDENTITY_UNSAFE",
    message: expect.stringContaining(`chmod ${wanted} ${path}`),
  });
});

test("a half identity is not completed by a new one", async () => {
  const directory = await tempDirectory(cleanup);
  await Identity.open(directory, "alpha");
  await rm(join(directory, "identity", "key.pem"));
  await expect(Identity.open(directory, "alpha")).rejects.toMatchObject({ code: "STATE_CORRUPT", message: expect.stringContaining("key.pem is missing") });
});

test("a key of another certificate and damaged PEM are found", async () => {
  const directory = await tempDirectory(cleanup);
  const other = await tempDirectory(cleanup);
  await Identity.open(directory, "alpha");
  await Identity.open(other, "beta");
  const key = join(directory, "identity", "key.pem");
  await writeFile(key, await readFile(join(other, "identity", "key.pem")));
  await expect(Identity.open(directory, "alpha")).rejects.toMatchObject({ code: "STATE_CORRUPT", message: expect.stringContaining("not the key of cert.pem") });
  await writeFile(key, "-----BEGIN PRIVATE KEY-----\n");
  await expect(Identity.open(directory, "alpha")).rejects.toMatchObject({ code: "STATE_CORRUPT" });
});

test("what a crash left half made is made again", async () => {
  const directory = await tempDirectory(cleanup);
  await mkdir(join(directory, "identity.new"));
  await writeFile(join(directory, "identity.new", "key.pem"), "half");
  await expect(Identity.open(directory, "alpha")).resolves.toBeInstanceOf(Identity);
});
