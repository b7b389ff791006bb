// What the durability of what was applied is told to be worth: whether live changes are among it.

import { afterEach, beforeEach, expect, test } from "vitest";
import { file } from "../support/apply-kit.js";
import { HostKit, liveSet } from "../support/host-kit.js";

let kit: HostKit;
beforeEach(() => {
  kit = new HostKit();
  kit.open();
  kit.begin();
  kit.send({ kind: "claim", claim: { fromSeq: 0, why: "" } });
});
afterEach(() => kit.close());

test("a job's sets are told as such, live ones as live", () => {
  kit.sendSets(liveSet(1, "mirror", [file("a", "1")]));
  expect(kit.progress).toMatchObject({ appliedSeq: 1, hasLive: false });
  kit.sendSets(liveSet(2, "closed", [file("b", "2")]));
  expect(kit.progress).toMatchObject({ appliedSeq: 2, hasLive: true });
  kit.sendSets(liveSet(3, "mirror", [file("c", "3")]));
  expect(kit.progress).toMatchObject({ appliedSeq: 3, hasLive: false });
});

test("what an earlier process applied and did not live to sync may be live", () => {
  kit.sendSets(liveSet(1, "mirror", [file("a", "1")]));
  kit.open();
  kit.begin();
  expect(kit.progress).toMatchObject({ appliedSeq: 1, hasLive: true });
});
