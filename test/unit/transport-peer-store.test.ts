import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Peer } from "../../src/model/channel-port.js";
import { PeerStore } from "../../src/transport/peer-store.js";
import { Cleanup, tempDirectory } from "../support/transport-fixture.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const peer = (name: string, digit: string, port = 1500): Peer => ({
  name,
  fingerprint: digit.repeat(64),
  addresses: [{ host: "192.0.2.1", port }],
  addedAt: "2026-01-01T00:00:00.000Z",
});

test("peers are found by name and fingerprint, and again after a restart", async () => {
  const directory = await tempDirectory(cleanup);
  const store = await PeerStore.open(directory);
  await Promise.all([store.add(peer("a", "1")), store.add(peer("b", "2")), store.add(peer("c", "3"))]);
  await store.remove("b");
  expect((await stat(join(directory, "peers.json"))).mode & 0o777).toBe(0o600);
  const again = await PeerStore.open(directory);
  expect(again.list()).toEqual([peer("a", "1"), peer("c", "3")]);
  expect(again.get("a")).toEqual(peer("a", "1"));
  expect(again.findByFingerprint("3".repeat(64))?.name).toBe("c");
  expect(again.findByFingerprint("2".repeat(64))).toBeUndefined();
});

test("the same name with the same certificate renews the addresses", async () => {
  const store = await PeerStore.open(await tempDirectory(cleanup));
  await store.add(peer("a", "1"));
  await store.add(peer("a", "1", 1600));
  expect(store.list()).toEqual([peer("a", "1", 1600)]);
});

test("contradictions are refused and name both sides", async () => {
  const store = await PeerStore.open(await tempDirectory(cleanup));
  await store.add(peer("a", "1"));
  const other = await store.add(peer("a", "2")).catch((error: unknown) => error);
  expect(other).toMatchObject({ code: "ALREADY_EXISTS" });
  expect((other as Error).message).toContain("1".repeat(64));
  expect((other as Error).message).toContain("2".repeat(64));
  await expect(store.add(peer("z", "1"))).rejects.toMatchObject({ code: "ALREADY_EXISTS", message: expect.stringMatching(/"a".*"z"/) });
  await expect(store.add(peer("localhost", "3"))).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
  await expect(store.add(peer("bad\nname", "3"))).rejects.toMatchObject({ code: "USAGE" });
  await expect(store.remove("nobody")).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("a removal is told at once, even when the file cannot be written", async () => {
  const directory = await tempDirectory(cleanup);
  const store = await PeerStore.open(directory);
  await store.add(peer("a", "1"));
  await store.add(peer("b", "2"));
  const told: string[] = [];
  const unsubscribe = store.onRemoved((removed) => told.push(removed.name));
  const removal = store.remove("a");
  expect(told).toEqual(["a"]);
  await removal;
  await rm(directory, { recursive: true });
  await expect(store.remove("b")).rejects.toMatchObject({ code: "FS_IO", message: expect.stringContaining("until this agent restarts") });
  expect(told).toEqual(["a", "b"]);
  expect(store.get("b")).toBeUndefined();
  unsubscribe();
});

test("an addition that cannot be written is not there", async () => {
  const directory = await tempDirectory(cleanup);
  const store = await PeerStore.open(directory);
  await rm(directory, { recursive: true });
  await expect(store.add(peer("a", "1"))).rejects.toThrow();
  expect(store.list()).toEqual([]);
});

test.each([
  ["not JSON", "{"],
  ["another shape", '{"version":2,"peers":[]}'],
  ["a fingerprint that is none", JSON.stringify({ version: 1, peers: [{ ...peer("a", "1"), fingerprint: "xyz" }] })],
  ["a certificate twice", JSON.stringify({ version: 1, peers: [peer("a", "1"), peer("b", "1")] })],
])("a file with %s is refused by name", async (_what, text) => {
  const directory = await tempDirectory(cleanup);
  await writeFile(join(directory, "peers.json"), text, { mode: 0o600 });
  await expect(PeerStore.open(directory)).rejects.toMatchObject({ code: "STATE_CORRUPT", message: expect.stringContaining("peers.json") });
});

test("pins that others may write are no pins", async () => {
  const directory = await tempDirectory(cleanup);
  const store = await PeerStore.open(directory);
  await store.add(peer("a", "1"));
  await chmod(join(directory, "peers.json"), 0o666);
  await expect(PeerStore.open(directory)).rejects.toMatchObject({ code: "IDENTITY_UNSAFE" });
  expect(await readFile(join(directory, "peers.json"), "utf8")).toContain("192.0.2.1");
});
