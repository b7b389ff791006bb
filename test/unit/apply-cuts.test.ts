// Sets that complete no state of the source are held; a state is applied as one, or not at all.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeDurable } from "../../src/apply/durable-file.js";
import { Stage } from "../../src/apply/stage.js";
import { EPOCH, file, meta, patch, rename, snapshot } from "../support/apply-kit.js";
import { HostKit, type HostKitOptions, Lost, liveSet } from "../support/host-kit.js";

const STAGE_BYTES = 16 * 1024 * 1024;

let kit: HostKit;
beforeEach(() => {
  kit = new HostKit();
});
afterEach(() => kit.close());

function start(options: HostKitOptions = {}): void {
  expect(kit.open(options)).toBe(true);
  kit.begin();
  kit.send({ kind: "claim", claim: { fromSeq: 0, why: "" } });
}

const names = (): string[] => Object.keys(snapshot(kit.target));

describe("holding", () => {
  test("what completes no state is not applied, but taken and released; what completes one is applied with all before it", () => {
    start();
    const held = [liveSet(1, "open", [file("a", "1")]), liveSet(2, "open", [file("b", "2")])];
    kit.sendSets(...held);
    expect(names()).toEqual([]);
    expect(kit.progress).toMatchObject({ appliedSeq: 0, takenSeq: 2, openSinceMs: 1000 });
    expect(kit.releasedBytes).toBe(held.reduce((sum, set) => sum + set.length, 0));
    const last = liveSet(3, "closed");
    kit.sendSets(last);
    expect(names()).toEqual(["a", "b"]);
    expect(kit.progress).toMatchObject({
      appliedSeq: 3,
      takenSeq: 3,
      openSinceMs: null,
      consistency: { consistentSeq: 3, consistentTimeMs: 3000, doubt: null },
    });
    expect(kit.releasedBytes).toBe([...held, last].reduce((sum, set) => sum + set.length, 0));
  });

  test("a set of a mirror passes when nothing is held, and waits in order when something is", () => {
    start();
    kit.sendSets(liveSet(1, "mirror", [file("m", "1")]));
    expect(names()).toEqual(["m"]);
    kit.sendSets(liveSet(2, "open", [rename("m", "n")]), liveSet(3, "mirror", [file("m", "3")]));
    expect(names()).toEqual(["m"]);
    kit.sendSets(liveSet(4, "closed"));
    expect(names()).toEqual(["m", "n"]);
    expect(kit.progress.answers).toEqual([]);
  });

  test("what was staged behind a set that never came leaves room for what comes", () => {
    start({ bytesMax: STAGE_BYTES });
    kit.lose();
    const stage = Stage.open({ stateDirectory: kit.state, bytesMax: STAGE_BYTES, isSynced: false, applied: { epoch: EPOCH, seq: 0 } });
    for (const seq of [3, 4]) {
      stage.turn();
      const bytes = liveSet(seq, "closed", [file(`${seq}`, "x".repeat(STAGE_BYTES / 2))]);
      expect(stage.put([{ seq, afterSeq: seq - 1, epoch: EPOCH, ending: "closed", bytes }])).toHaveLength(1);
    }
    stage.close();
    start({ bytesMax: STAGE_BYTES });
    expect(kit.appliedSeq).toBe(0);
    for (let seq = 1; seq <= 5; seq++) kit.sendSets(liveSet(seq, "closed", [file(`${seq}`, "y")]));
    expect([kit.appliedSeq, names()]).toEqual([5, ["1", "2", "3", "4", "5"]]);
    expect(kit.progress.isWaitingForSync).toBe(false);
  });

  test("what is held is not applied by the next start, and comes again", () => {
    start();
    kit.sendSets(liveSet(1, "closed", [file("a", "1")]), liveSet(2, "open", [file("b", "2")]));
    start();
    expect([names(), kit.appliedSeq]).toEqual([["a"], 1]);
    kit.sendSets(liveSet(2, "open", [file("b", "2")]), liveSet(3, "closed"));
    expect(names()).toEqual(["a", "b"]);
  });

  test("a set that came before is worked off at once", () => {
    start();
    kit.sendSets(liveSet(1, "open", [file("a", "1")]));
    const again = liveSet(1, "closed", [file("x", "1")]);
    kit.sendSets(again);
    expect([names(), kit.appliedSeq, kit.progress.bytes]).toEqual([[], 0, again.length]);
  });
});

describe("the consistency point", () => {
  const doubt = (): string | undefined => kit.progress.consistency.doubt?.code;

  test("a forced set is applied, and the point stays until a state is complete", () => {
    start();
    kit.sendSets(liveSet(1, "closed", [file("a", "1")]), liveSet(2, "open", [file("b", "2")]), liveSet(3, "forced", [file("c", "3")]));
    expect(names()).toEqual(["a", "b", "c"]);
    expect(kit.progress.consistency).toMatchObject({ consistentSeq: 1, doubt: { code: "FORCED" } });
    expect(kit.progress.openSinceMs).toBe(2000);
    start();
    kit.send({ kind: "claim", claim: { fromSeq: 0, why: "" } });
    kit.sendSets(liveSet(4, "mirror"));
    expect([kit.progress.consistency.consistentSeq, doubt()]).toEqual([1, "FORCED"]);
    kit.sendSets(liveSet(5, "closed"));
    expect(kit.progress.consistency).toEqual({ consistentSeq: 5, consistentTimeMs: 5000, doubt: null });
  });

  test("there is none before the source says that the target is a copy, and a state has come since", () => {
    kit.open();
    kit.begin();
    kit.sendSets(liveSet(1, "closed", [file("a", "1")]));
    expect(kit.progress.consistency).toMatchObject({ consistentSeq: 0, doubt: { code: "NOT_A_COPY" } });
    kit.send({ kind: "claim", claim: { fromSeq: null, why: "a mirror is in progress" } });
    expect(kit.progress.consistency.doubt).toMatchObject({ code: "NOT_A_COPY", message: "a mirror is in progress" });
    kit.send({ kind: "claim", claim: { fromSeq: 3, why: "" } });
    expect([kit.progress.claims, doubt()]).toEqual([1, "NO_CUT_YET"]);
    kit.sendSets(liveSet(2, "closed"));
    expect(doubt()).toBe("NO_CUT_YET");
    kit.sendSets(liveSet(3, "closed"));
    expect(kit.progress.consistency).toEqual({ consistentSeq: 3, consistentTimeMs: 3000, doubt: null });
    kit.open();
    kit.begin(null);
    expect(kit.posted).toContainEqual(expect.objectContaining({ kind: "opened", consistency: { consistentSeq: 3, consistentTimeMs: 3000, doubt: null } }));
  });

  test("what did not fit keeps it until the source has repaired it", () => {
    start();
    kit.sendSets(liveSet(1, "closed"), liveSet(2, "closed", [rename("none", "x")]), liveSet(3, "closed", [file("a", "3")]));
    expect(kit.progress.consistency).toMatchObject({ consistentSeq: 1, doubt: { code: "REPAIRS_PENDING" } });
    kit.send({ kind: "claim", claim: { fromSeq: 1, why: "" } });
    expect(doubt()).toBe("REPAIRS_PENDING");
    kit.send({ kind: "claim", claim: { fromSeq: 4, why: "" } });
    kit.sendSets(liveSet(4, "mirror", [file("x", "4")]), liveSet(5, "closed"));
    expect(kit.progress.consistency).toMatchObject({ consistentSeq: 5, doubt: null });
  });

  test("another stream begins without one", () => {
    start();
    kit.sendSets(liveSet(1, "closed", [file("a", "1")]), liveSet(2, "open", [file("b", "2")]));
    kit.open();
    expect(kit.begin("fedcba9876543210")).toBe(0);
    kit.sendSets(liveSet(1, "closed", [file("c", "1")]));
    expect(kit.progress.consistency).toMatchObject({ consistentSeq: 0, doubt: { code: "NOT_A_COPY" } });
    expect(names()).toEqual(["a", "c"]);
  });
});

test("after a crash of the machine, what was staged and synced is done again, and nothing is claimed of it", () => {
  start({ isSynced: true });
  kit.sendSets(liveSet(1, "closed", [file("a", "0123456789", { mtimeSec: 1 })]));
  const { point } = kit.progress;
  if (point === null) throw new Error("nothing is to be made durable");
  writeDurable(point.durablePath, point.state);
  kit.send({ kind: "durable", state: point.state, round: point.round });
  const base = { size: 10, mtimeSec: 1, mtimeNsec: 123_456_789 };
  kit.sendSets(liveSet(2, "open", [patch("a", base, [[0, "xx"]], 10, meta({ mtimeSec: 2 }))]), liveSet(3, "closed", [file("b", "3")]));
  expect(kit.progress.consistency).toMatchObject({ consistentSeq: 3, doubt: null });
  // Of the patch the disk has the time only, of the new file nothing.
  writeFileSync(join(kit.target, "a"), "0123456789");
  rmSync(join(kit.target, "b"));
  expect(kit.open({ isSynced: true, bootId: "two" })).toBe(true);
  expect(readFileSync(join(kit.target, "a"), "latin1")).toBe("xx23456789");
  expect([names(), kit.appliedSeq]).toEqual([["a", "b"], 3]);
  kit.begin();
  const opened = kit.posted.find((message) => message.kind === "opened");
  expect(opened).toMatchObject({ begun: { suspect: true, resumed: false, durableSeq: 1 }, consistency: { doubt: { code: "NOT_A_COPY" } } });
});

describe("limits", () => {
  test("a state larger than the stage is applied in parts, each as one, and the point moves with its end", () => {
    start({ bytesMax: 200_000 });
    kit.sendSets(liveSet(1, "closed"));
    for (let seq = 2; seq <= 12; seq++) kit.sendSets(liveSet(seq, "open", [file(`f${seq}`, Buffer.alloc(50_000, seq))]));
    expect(kit.progress).toMatchObject({ appliedSeq: 10, takenSeq: 12, consistency: { consistentSeq: 1, doubt: { code: "STAGE_LIMIT" } } });
    kit.sendSets(liveSet(13, "closed"));
    expect(kit.progress).toMatchObject({ appliedSeq: 13, consistency: { consistentSeq: 13, doubt: null } });
    expect(names()).toHaveLength(11);
  });

  test("a part of a state that is too large is completed after a crash in its middle", () => {
    let passes = 0;
    const onPoint = (point: string): void => {
      if (point === "apply.group.midApply" && ++passes === 2) throw new Lost();
    };
    start({ bytesMax: 200_000, onPoint });
    for (let seq = 1; seq <= 4; seq++) kit.sendSets(liveSet(seq, "open", [file(`f${seq}`, Buffer.alloc(50_000, seq))]));
    expect([kit.failure !== null, names()]).toEqual([true, ["f1", "f2"]]);
    kit.open();
    expect([names(), kit.appliedSeq]).toEqual([["f1", "f2", "f3"], 3]);
  });

  test("a stage that cannot be written lets everything through as it comes, says so, and is used again when it can", () => {
    mkdirSync(kit.state, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=700k", "tmpfs", kit.state]);
    try {
      start();
      kit.sendSets(liveSet(1, "closed", [file("a", "1")]), liveSet(2, "open", [file("b", Buffer.alloc(300_000, 1))]));
      expect([names(), kit.progress.stageFault]).toEqual([["a"], null]);
      kit.sendSets(liveSet(3, "open", [file("c", Buffer.alloc(600_000, 1))]));
      expect(names()).toEqual(["a", "b", "c"]);
      expect(kit.progress).toMatchObject({ appliedSeq: 3, stageFault: "ENOSPC", consistency: { consistentSeq: 1, doubt: { code: "STAGE_FAILED" } } });
      kit.sendSets(liveSet(4, "closed", [file("d", "4")]));
      expect(kit.progress).toMatchObject({ appliedSeq: 4, stageFault: null, consistency: { consistentSeq: 4, doubt: null } });
      kit.sendSets(liveSet(5, "closed", [file("e", Buffer.alloc(900_000, 1))]));
      expect(kit.progress).toMatchObject({ appliedSeq: 5, stageFault: "ENOSPC", consistency: { consistentSeq: 5, doubt: null } });
    } finally {
      kit.lose();
      execFileSync("umount", [kit.state]);
    }
  });

  test("full of what waits to be synced, it waits for that", () => {
    start({ bytesMax: 16_000_000, isSynced: true });
    let seq = 0;
    while (seq < 20 && !(seq > 0 && kit.progress.isWaitingForSync)) kit.sendSets(liveSet(++seq, "closed", [file(`f${seq}`, Buffer.alloc(1_000_000, seq))]));
    expect(kit.progress).toMatchObject({ isWaitingForSync: true, appliedSeq: seq });
    kit.sendSets(liveSet(seq + 1, "closed", [file("late", "x")]));
    expect(names()).not.toContain("late");
    const { point } = kit.progress;
    if (point === null) throw new Error("nothing is to be made durable");
    kit.send({ kind: "durable", state: point.state, round: point.round });
    expect(names()).toContain("late");
    expect(kit.progress.isWaitingForSync).toBe(false);
  });
});
