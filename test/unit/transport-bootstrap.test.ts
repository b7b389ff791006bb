import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { RateWindow } from "../../src/base/rate-window.js";
import { Bootstrap } from "../../src/transport/bootstrap.js";
import { decodeToken, encodeToken, keyOfSecret, type PairFacts, pairProof } from "../../src/transport/bootstrap-token.js";
import { Cleanup, tempDirectory } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const request = { site: "target", addresses: [{ host: "::1", port: 1500 }], fingerprint: "a".repeat(64), ttlSeconds: 60 };
const clock = { ms: 1_700_000_000_000, nowMs: () => clock.ms, monotonicMs: () => clock.ms };

function proofFor(token: string, change: Partial<PairFacts> = {}) {
  const data = decodeToken(token, 0);
  const facts: PairFacts = { id: data.id, sourceFingerprint: "b".repeat(64), targetFingerprint: data.fingerprint, sourceSite: "source", sourceAddresses: [] };
  const proof = pairProof(keyOfSecret(Buffer.from(data.secret, "base64")), "source", facts, "source");
  return { facts: { ...facts, ...change }, proof };
}

test("a token is one line and says where, who and until when", async () => {
  const bootstrap = await Bootstrap.open(await tempDirectory(cleanup), clock);
  const { token, expiresAt } = await bootstrap.create(request);
  expect(token).toMatch(/^[A-Za-z0-9+/]+=*$/);
  expect(decodeToken(` ${token}\n`, clock.ms)).toMatchObject({ v: 1, site: "target", addresses: request.addresses, fingerprint: request.fingerprint });
  expect(Date.parse(expiresAt)).toBe(clock.ms + 60_000);
});

test("the file holds no secret, is private, and outlives a restart", async () => {
  const directory = await tempDirectory(cleanup);
  const { token } = await (await Bootstrap.open(directory, clock)).create(request);
  const text = await readFile(join(directory, "bootstrap.json"), "utf8");
  const secret = Buffer.from(decodeToken(token, 0).secret, "base64");
  expect(text).not.toContain(secret.toString("base64"));
  expect(text).not.toContain(secret.toString("hex"));
  expect((await stat(join(directory, "bootstrap.json"))).mode & 0o777).toBe(0o600);
  const { facts, proof } = proofFor(token);
  expect((await Bootstrap.open(directory, clock)).verify(facts, proof)?.site).toBe("target");
});

test("a token works once, for one request of several at a time", async () => {
  const directory = await tempDirectory(cleanup);
  const bootstrap = await Bootstrap.open(directory, clock);
  const { token } = await bootstrap.create(request);
  const { facts, proof } = proofFor(token);
  expect(await Promise.all([bootstrap.consume(facts.id), bootstrap.consume(facts.id)])).toEqual([true, false]);
  expect(bootstrap.verify(facts, proof)).toBeUndefined();
  expect((await Bootstrap.open(directory, clock)).verify(facts, proof)).toBeUndefined();
});

test("a token expires", async () => {
  const own = { ms: 1000, nowMs: () => own.ms, monotonicMs: () => own.ms };
  const bootstrap = await Bootstrap.open(await tempDirectory(cleanup), own);
  const { token } = await bootstrap.create(request);
  const { facts, proof } = proofFor(token);
  own.ms += 59_999;
  expect(bootstrap.verify(facts, proof)).toBeDefined();
  own.ms += 1;
  expect(bootstrap.verify(facts, proof)).toBeUndefined();
  expect(() => decodeToken(token, own.ms)).toThrow(/it expired at 1970/);
});

test.each<[string, Partial<PairFacts>]>([
  ["another certificate of the source", { sourceFingerprint: "c".repeat(64) }],
  ["another certificate of the target", { targetFingerprint: "c".repeat(64) }],
  ["another name", { sourceSite: "evil" }],
  ["other addresses", { sourceAddresses: [{ host: "evil", port: 1 }] }],
  ["another token", { id: "f".repeat(32) }],
])("a proof does not hold for %s", async (_what, change) => {
  const bootstrap = await Bootstrap.open(await tempDirectory(cleanup), clock);
  const { facts, proof } = proofFor((await bootstrap.create(request)).token, change);
  expect(bootstrap.verify(facts, proof)).toBeUndefined();
});

test.each([
  ["", /empty/],
  ["no base64!", /not one whole line of base64/],
  ["YWJj\nYWJj", /not one whole line of base64/],
  ["YWJj", /not JSON/],
  [Buffer.from('{"v":2}').toString("base64"), /version 2/],
  [Buffer.from('{"v":1}').toString("base64"), /site: .*; addresses: .*; fingerprint: .*; secret: .*; id: .*; expires/],
  ["A".repeat(70_000), /70000 characters/],
])("a token %# is refused with its exact reason", (text, reason) => {
  expect(() => decodeToken(text, 0)).toThrow(expect.objectContaining({ code: "TOKEN_INVALID", message: expect.stringMatching(reason) }));
});

test("a cut token is refused", async () => {
  const bootstrap = await Bootstrap.open(await tempDirectory(cleanup), clock);
  const { token } = await bootstrap.create(request);
  for (let length = 0; length < token.length; length += 7)
    expect(() => decodeToken(token.slice(0, length), 0)).toThrow(expect.objectContaining({ code: "TOKEN_INVALID" }));
  expect(encodeToken(decodeToken(token, 0))).toBe(token);
});

test.each([
  { ...request, site: "" },
  { ...request, addresses: [] },
  { ...request, ttlSeconds: 0 },
  { ...request, ttlSeconds: 1e9 },
])("a request %# that makes no sense is refused", async (bad) => {
  const bootstrap = await Bootstrap.open(await tempDirectory(cleanup), clock);
  await expect(bootstrap.create(bad)).rejects.toMatchObject({ code: "USAGE" });
});

test("a window counts per key, forgets, and stays bounded", () => {
  const own = { ms: 0, nowMs: () => own.ms, monotonicMs: () => own.ms };
  const window = new RateWindow({ eventsMax: 2, windowMs: 100, keysMax: 2, clock: own });
  expect([window.count("a"), window.count("a"), window.count("a")]).toEqual([true, true, false]);
  expect([window.isFull("a"), window.isFull("b")]).toEqual([true, false]);
  window.count("b");
  expect([window.count("c"), window.count("d"), window.count("e")]).toEqual([true, true, false]);
  own.ms += 100;
  expect(window.isFull("a")).toBe(false);
});
