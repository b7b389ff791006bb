import { expect, test } from "vitest";
import { Credits } from "../../src/capture/credits.js";
import { BLOCK_BYTES } from "../../src/model/change.js";

const MiB = 1 << 20;

test("a connection that is held to a rate has half a second of its jobs' sets in front of live changes, whatever is applied", () => {
  const credits = new Credits(32 * MiB, 16 * MiB);
  credits.pace(1, MiB);
  expect(credits.pieceBytes(1)).toBe(MiB / 4);
  credits.spend(1, 1, MiB / 4);
  expect(credits.mayMirror(1)).toBe(true);
  credits.spend(1, 2, MiB / 4);
  expect(credits.mayMirror(1)).toBe(false);
  credits.sent(1, 1);
  expect(credits.mayMirror(1)).toBe(true);
  // Sent and not applied: only the large window counts them.
  for (let seq = 3; credits.mayMirror(1); seq++) {
    credits.spend(1, seq, MiB);
    credits.sent(1, seq);
    credits.accepted(MiB);
  }
  credits.applied(1, 4);
  expect(credits.mayMirror(1)).toBe(true);
});

test("what goes to others, and what is lost or forgotten, is not waited for", () => {
  const credits = new Credits(32 * MiB, 16 * MiB);
  credits.pace(1, MiB);
  credits.spend(2, 1, 8 * MiB);
  expect([credits.mayMirror(1), credits.mayMirror(2)]).toEqual([true, true]);
  credits.spend(1, 2, MiB);
  expect(credits.mayMirror(1)).toBe(false);
  credits.lost(1, 2, 2);
  expect(credits.mayMirror(1)).toBe(true);
  credits.spend(1, 3, MiB);
  credits.pace(1, null);
  expect([credits.mayMirror(1), credits.pieceBytes(1)]).toEqual([true, Number.POSITIVE_INFINITY]);
});

test("the smallest rate still moves: two blocks wait, one goes at a time", () => {
  const credits = new Credits(32 * MiB, 16 * MiB);
  credits.pace(1, 1024);
  expect(credits.pieceBytes(1)).toBe(BLOCK_BYTES);
});
