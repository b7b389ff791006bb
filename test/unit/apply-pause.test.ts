// A target that is paused begins nothing; what has begun is completed.

import { afterEach, beforeEach, expect, test } from "vitest";
import { TargetPauses } from "../../src/apply/target-pauses.js";
import { file, snapshot } from "../support/apply-kit.js";
import { HostKit, type HostKitOptions, liveSet } from "../support/host-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

let kit: HostKit;
beforeEach(() => {
  kit = new HostKit();
});
afterEach(() => kit.close());

function start(options: HostKitOptions = {}): void {
  expect(kit.open(options)).toBe(true);
  kit.begin();
}

const names = (): string[] => Object.keys(snapshot(kit.target));

test("what comes while it is paused waits, unreleased, and is applied afterwards", () => {
  start();
  kit.sendSets(liveSet(1, "closed", [file("a", "1")]));
  kit.send({ kind: "pause", isPaused: true });
  expect(kit.progress).toMatchObject({ isPaused: true, appliedSeq: 1 });
  const before = kit.releasedBytes;
  kit.sendSets(liveSet(2, "mirror", [file("b", "2")]), liveSet(3, "closed", [file("c", "3")]));
  expect([names(), kit.releasedBytes]).toEqual([["a"], before]);
  kit.send({ kind: "pause", isPaused: false });
  expect(names()).toEqual(["a", "b", "c"]);
  expect(kit.progress).toMatchObject({ isPaused: false, appliedSeq: 3 });
});

test("what is held stays held, and what ends it waits", () => {
  start();
  kit.sendSets(liveSet(1, "open", [file("a", "1")]));
  kit.send({ kind: "pause", isPaused: true });
  kit.sendSets(liveSet(2, "closed", [file("b", "2")]));
  expect(names()).toEqual([]);
  kit.send({ kind: "pause", isPaused: false });
  expect(names()).toEqual(["a", "b"]);
});

test("each word is answered, repeated or not; it begins paused and says so", () => {
  start({ isPaused: true });
  expect(kit.progress).toMatchObject({ isPaused: true });
  kit.posted = [];
  kit.send({ kind: "pause", isPaused: true });
  expect(kit.progress).toMatchObject({ isPaused: true });
  kit.sendSets(liveSet(1, "closed", [file("a", "1")]));
  expect(names()).toEqual([]);
});

test("an end while it is paused applies nothing", () => {
  start({ isPaused: true });
  kit.sendSets(liveSet(1, "closed", [file("a", "1")]));
  kit.send({ kind: "close" });
  expect(names()).toEqual([]);
});

test("pauses are kept: of one, of all, and of one within all", () => {
  const directory = makeTempDirectory();
  const pauses = TargetPauses.open(directory);
  expect(pauses.sinceOf("a")).toBeNull();
  pauses.pause(["a"], 5);
  pauses.pause(["a", "b"], 9);
  expect([pauses.sinceOf("a"), pauses.sinceOf("b"), pauses.sinceOf("c")]).toEqual([5, 9, null]);
  pauses.resume(["b"]);
  pauses.pause(null, 20);
  const again = TargetPauses.open(directory);
  expect([again.isAll, again.sinceOf("a"), again.sinceOf("b")]).toEqual([true, 20, 20]);
  again.resume(null);
  expect([again.isAll, TargetPauses.open(directory).sinceOf("a")]).toEqual([false, null]);
});
