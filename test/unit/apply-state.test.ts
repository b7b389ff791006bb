import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NO_CONSISTENCY } from "../../src/apply/consistency.js";
import { CursorFile } from "../../src/apply/cursor-file.js";
import { inClock, uptimeMs, writeDurable } from "../../src/apply/durable-file.js";
import type { Clock } from "../../src/base/clock.js";
import { ApplyKit, bp, EPOCH, entry, file, frame, meta, patch } from "../support/apply-kit.js";

let kit: ApplyKit;
beforeEach(() => {
  kit = new ApplyKit({ bootId: "one" });
});
afterEach(() => kit.close());

function makeDurable(clean = false): void {
  const point = kit.engine.durablePoint();
  const state = { ...point.state, clean };
  writeDurable(point.durablePath, state);
  kit.engine.setDurable(state, point.round);
}

test("an applied set is known after a restart and not applied again", () => {
  expect(kit.engine.begin(EPOCH)).toMatchObject({ appliedSeq: 0, resumed: true, empty: true, suspect: false, limits: [] });
  kit.apply(file("a", "x"));
  kit.reopen();
  expect(kit.engine.begin(EPOCH)).toMatchObject({ appliedSeq: 1, durableSeq: 0, resumed: true, empty: false });
  expect(kit.engine.applySet(frame(1, [file("b", "x")]))).toEqual({ kind: "skipped", seq: 1 });
  expect(kit.engine.applySet(frame(9, [file("b", "x")]))).toMatchObject({ kind: "applied", seq: 9 });
});

test("another epoch begins from nothing", () => {
  kit.apply(file("a", "x"));
  makeDurable();
  expect(kit.engine.begin("fedcba9876543210")).toMatchObject({ appliedSeq: 0, durableSeq: 0, resumed: false, suspect: false });
  kit.reopen();
  expect(kit.engine.begin("fedcba9876543210")).toMatchObject({ resumed: true });
});

test("a crash of the machine falls back to the durable point, and says so until the source has gone on", () => {
  kit.apply(file("a", "x"));
  makeDurable();
  kit.apply(file("b", "x"));
  kit.reopen({ bootId: "two" });
  expect(kit.engine.begin(EPOCH)).toMatchObject({ appliedSeq: 1, durableSeq: 1, resumed: false, suspect: true });
  kit.reopen({ bootId: "three" });
  expect(kit.engine.begin(EPOCH)).toMatchObject({ appliedSeq: 1, resumed: false, suspect: true });
  kit.apply(file("c", "x"));
  expect(kit.engine.begin(EPOCH)).toMatchObject({ resumed: true, suspect: false });
});

test("a restart of the machine after an orderly stop puts nothing in doubt", () => {
  kit.apply(file("a", "x"));
  makeDurable(true);
  kit.reopen({ bootId: "two" });
  expect(kit.engine.begin(EPOCH)).toMatchObject({ appliedSeq: 1, durableSeq: 1, resumed: true, suspect: false });
});

test("a torn cursor record leaves the one before; two torn ones are reported", () => {
  const path = join(kit.directory, "cursor");
  const cursor = CursorFile.open(path);
  for (const appliedSeq of [1, 2, 3]) cursor.write({ epoch: EPOCH, appliedSeq, intent: null, consistency: NO_CONSISTENCY });
  const intent = { kind: "rename", seq: 4, index: 7, moved: { dev: 1, ino: 2 ** 50, btimeSec: 4, btimeNsec: 5 } } as const;
  const consistency = { seq: 3, timeMs: 1.5, misfitSeq: 2, misfitMs: 7, stray: "limit", strayMs: 9 } as const;
  cursor.write({ epoch: EPOCH, appliedSeq: 3, intent, consistency });
  cursor.close();
  const again = CursorFile.open(path);
  expect(again.state).toEqual({ epoch: EPOCH, appliedSeq: 3, intent, consistency });
  again.close();
  const bytes = Buffer.alloc(256);
  const whole = CursorFile.open(path);
  whole.write({ epoch: EPOCH, appliedSeq: 4, intent: null, consistency: NO_CONSISTENCY });
  whole.close();
  writeFileSync(path, bytes.fill(0x5a));
  expect(() => CursorFile.open(path)).toThrowError(expect.objectContaining({ code: "STATE_CORRUPT" }));
});

test("a set before the epoch was told is refused", () => {
  const engine = kit.open({ stateDirectory: join(kit.directory, "other") });
  expect(() => engine.applySet(frame(1, []))).toThrowError(expect.objectContaining({ code: "PROTOCOL" }));
  engine.close();
});

describe("what may be damaged by a crash of the machine is found by its times, however the clock was set", () => {
  const HOUR = 3_600_000;
  let clock: Clock;
  let aheadMs = 0;
  beforeEach(() => {
    kit.close();
    aheadMs = 0;
    clock = { nowMs: () => Date.now() + aheadMs, monotonicMs: () => performance.now() };
    kit = new ApplyKit({ bootId: "one", clock });
  });

  /** Whether the content of "a" is compared though its size and time are right. */
  function isInDoubt(): boolean {
    kit.reopen({ bootId: "two" });
    expect(kit.engine.begin(EPOCH)).toMatchObject({ suspect: true });
    const compare = {
      op: "compare",
      root: 0,
      path: bp(""),
      from: "",
      until: "",
      meta: null,
      entries: [entry("a", { size: 10 })],
      extras: "keep",
      asksShared: false,
    } as const;
    const [answer] = kit.apply(compare);
    return answer?.kind === "compare" && answer.differs.some(({ name, why }) => name === "a" && why === "content");
  }

  const write = (...pieces: [number, string][]): void =>
    void kit.apply(
      pieces.length === 0 ? file("a", "0123456789") : patch("a", { size: 10, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789 }, pieces, 10, meta()),
    );

  test("it was set back behind the last point", () => {
    aheadMs = HOUR;
    write();
    makeDurable();
    aheadMs = 0;
    write([0, "xx"]);
    expect(isInDoubt()).toBe(true);
  });

  test("it was set back while the last point was made", () => {
    aheadMs = HOUR;
    write();
    const { state, durablePath, madeMs, round } = kit.engine.durablePoint();
    aheadMs = 0;
    write([0, "xx"]);
    const durable = inClock(state, clock.nowMs(), uptimeMs() - madeMs);
    writeDurable(durablePath, durable);
    kit.engine.setDurable(durable, round);
    expect(isInDoubt()).toBe(true);
  });

  test("the machine starts with a clock that is behind", () => {
    write();
    makeDurable();
    write([0, "xx"]);
    aheadMs = -HOUR;
    expect(isInDoubt()).toBe(true);
  });

  test("it is written to again long after the last point, and starts with a clock that is behind", () => {
    aheadMs = -48 * HOUR;
    write();
    makeDurable();
    aheadMs = 0;
    write([0, "xx"]);
    aheadMs = -HOUR;
    expect(isInDoubt()).toBe(true);
  });

  test("what was there long before is not in doubt", () => {
    write();
    aheadMs = HOUR;
    makeDurable();
    kit.apply(file("b", "x"));
    expect(isInDoubt()).toBe(false);
  });
});
