import { expect, test } from "vitest";
import { OpenChanges } from "../../src/apply/open-changes.js";
import { file } from "../support/apply-kit.js";

function set(seq: number, closed: boolean, isEmpty = false, mirror = false) {
  return { seq, sourceTimeMs: seq * 10, closed, mirror, changes: isEmpty ? [] : [file("a", "x")] };
}

test("the oldest change that is part of no state, by the source's clock", () => {
  const open = new OpenChanges();
  open.take(set(1, true, true));
  open.take(set(2, false, false, true));
  expect(open.sinceMs).toBeNull();
  open.take(set(3, false));
  open.take(set(4, true));
  open.take(set(5, false));
  expect(open.sinceMs).toBe(30);
  open.settle(3);
  expect(open.sinceMs).toBe(30);
  open.settle(4);
  expect(open.sinceMs).toBe(50);
  open.take(set(6, true, true));
  open.settle(6);
  expect(open.sinceMs).toBeNull();
});

test("states that are not reached for long are told as one, from the oldest on", () => {
  const open = new OpenChanges();
  for (let seq = 1; seq <= 5000; seq++) open.take(set(seq, true));
  open.settle(999);
  expect(open.sinceMs).toBe(10_000);
  open.settle(4999);
  expect(open.sinceMs).toBe(10_000);
  open.settle(5000);
  expect(open.sinceMs).toBeNull();
});
