// A verification that goes from a place on, at a rate: where it is, what it asks for, what moves meanwhile.

import { mkdirSync, openSync, renameSync, statSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReadBudget } from "../../src/jobs/read-budget.js";
import { BlockLooks } from "../../src/jobs/verify-blocks.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { BLOCK_BYTES, type BlockRange } from "../../src/model/change.js";
import type { MirrorTree } from "../../src/model/mirror-port.js";
import { NO_SCRUB, reportScrub, type Scrub } from "../../src/model/scrub.js";
import type { VerifyFinding } from "../../src/model/verify.js";
import { comparePositions, positionOf, type VerifyPosition } from "../../src/model/verify-position.js";
import { eventually } from "../support/eventually.js";
import { pastRacy } from "../support/past-racy.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;
const JOB = 7;
const at = (path: string, name = ""): VerifyPosition => positionOf(0, path as BytePath, name);

describe("positions", () => {
  test("the names of a directory come before what is below it, and both before the next one", () => {
    const way = [at("", "a"), at("", "z"), at("a"), at("a", "x"), at("a/b"), at("a/b", "y"), at("a-b"), at("b"), positionOf(1, "" as BytePath, "")];
    expect([...way].reverse().sort(comparePositions)).toEqual(way);
  });

  test("they are in one order", () => {
    const component = fc.stringMatching(/^[ab\-~]{1,2}$/);
    const place = fc.tuple(fc.array(component, { maxLength: 3 }), component).map(([path, name]) => at(path.join("/"), name));
    fc.assert(
      fc.property(place, place, place, (a, b, c) => {
        expect(Math.sign(comparePositions(a, b))).toBe(-Math.sign(comparePositions(b, a)) + 0);
        if (comparePositions(a, b) <= 0 && comparePositions(b, c) <= 0) expect(comparePositions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

test("a budget lets a second's worth through, and waits for what was too much", () => {
  let ms = 0;
  const budget = new ReadBudget(1000, { nowMs: () => ms, monotonicMs: () => ms });
  budget.spend(3500);
  expect(budget.hasRoom).toBe(false);
  ms = 2400;
  expect(budget.hasRoom).toBe(false);
  ms = 2600;
  expect(budget.hasRoom).toBe(true);
  ms = 60_000;
  expect(budget.hasRoom).toBe(true);
  budget.spend(1001);
  expect(budget.hasRoom).toBe(false);
});

describe("files in pieces", () => {
  const size = 10 * BLOCK_BYTES - 5;
  const stat = { size, mtimeSec: 0, mtimeNsec: 0, mode: 0, ctimeSec: 1, ctimeNsec: 0, ino: 1 };

  function looks(): { readonly looks: BlockLooks; readonly asked: (BlockRange | undefined)[]; readonly checked: [number, BlockRange | undefined][] } {
    const asked: (BlockRange | undefined)[] = [];
    const checked: [number, BlockRange | undefined][] = [];
    const tree = {
      stampOf: () => stat,
      askSums: (_connection: number, _root: number, _path: string, range?: BlockRange) => asked.push(range),
      checkAgainst: (_root: number, _path: string, sums: Buffer, range?: BlockRange) => {
        checked.push([sums.length / 8, range]);
        return { step: () => "done", differingBytes: 1, close: () => undefined };
      },
    } as unknown as MirrorTree;
    const made = new BlockLooks({ connectionId: 1, tree, pieces: { blocks: 4, budget: new ReadBudget(1e9) } });
    const entry = { name: "f", path: "f" as BytePath, type: "file", size, inode: "1", links: 1 } as const;
    made.ask({ root: 0, directory: "" as BytePath, entry, suspect: null, stamp: null });
    return { looks: made, asked, checked };
  }

  function run(kit: BlockLooks, asked: readonly unknown[], blocksOf: (range: BlockRange) => number): unknown {
    for (let answered = 0; ; ) {
      const step = kit.step();
      if (step !== null && step !== "worked") return step;
      if (step === null && asked.length === answered) throw new Error("it waits for nothing");
      if (asked.length > answered) {
        answered += 1;
        const base = { size, mtimeSec: 0, mtimeNsec: 0 };
        const sums = Buffer.alloc(8 * blocksOf(asked[answered - 1] as BlockRange));
        kit.take({ kind: "sums", seq: answered, root: 0, path: "f" as BytePath, base, sums });
      }
    }
  }

  test("each piece is asked for when the one before is read", () => {
    const { looks: made, asked, checked } = looks();
    const verdict = run(made, asked, ({ first, count }) => Math.min(count, 10 - first));
    expect(verdict).toMatchObject({ differingBytes: 3, isStill: true });
    expect(asked).toEqual([4, 4, 2].map((count, index) => ({ first: index * 4, count })));
    expect(checked.map(([blocks]) => blocks)).toEqual([4, 4, 2]);
    expect(made.size).toBe(0);
  });

  test("a target that knows no pieces answers with all, and is asked once", () => {
    const { looks: made, asked, checked } = looks();
    expect(run(made, asked, () => 10)).toMatchObject({ differingBytes: 1, isStill: true });
    expect(asked).toHaveLength(1);
    expect(checked[0]?.[0]).toBe(10);
  });
});

/** Other bytes, with nothing else that shows it. */
function damage(path: string, offset: number): void {
  const { atime, mtime } = statSync(path);
  writeSync(openSync(path, "r+"), "damaged", offset);
  utimesSync(path, atime, mtime);
}

interface Scrubbed {
  readonly kit: SourceKit;
  readonly on: (path: string) => string;
  readonly scrub: (start: VerifyPosition | null, bytesPerSecond?: number) => void;
  readonly ended: () => Promise<readonly VerifyFinding[]>;
}

async function planted(options: { readonly onSet?: (kit: () => SourceKit, path: string) => void } = {}): Promise<Scrubbed> {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (const name of ["a", "b", "c/deep"]) {
    mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, name, "small"), "small".repeat(100));
    writeFileSync(join(root, name, "large"), Buffer.alloc(3 * MiB, name));
  }
  // What is so young is asked for, and put right, by the source itself.
  await pastRacy();
  let isReady = false;
  const kit: SourceKit = SourceKit.start({
    root,
    target,
    onSet: ({ changes }) => {
      const [change] = changes;
      if (isReady && change?.op === "compare") options.onSet?.(() => kit, change.path);
    },
  });
  await kit.mirror("full", "keep");
  isReady = true;
  const verify = { content: "all", repair: "no", orphans: null } as const;
  return {
    kit,
    on: (path) => join(target, path),
    scrub: (start, bytesPerSecond = 1e9) => kit.jobs.obey({ kind: "scrub", connectionId: 1, jobId: JOB, options: verify, bytesPerSecond, start }),
    ended: async () => {
      await eventually(
        () => {
          kit.jobs.reportProgress();
          kit.engine.wake();
          if (!kit.events.some((event) => event.kind === "verifyEnded")) throw new Error("it has not ended");
        },
        { timeoutMs: 20_000, intervalMs: 5 },
      );
      return kit.events.flatMap((event) => (event.kind === "verifyProgress" ? event.findings : []));
    },
  };
}

test("it finds what is behind its start, reads large files in pieces, and leaves alone what is in front of it", async () => {
  const { kit, on, scrub, ended } = await planted();
  for (const path of ["a/small", "a/large", "b/large", "c/deep/small"]) damage(on(path), path.endsWith("large") ? 2 * MiB : 10);
  const before = kit.sets.length;
  scrub(at("b", "large"), 2 * MiB);
  const findings = await ended();
  expect(findings.map(({ path, differingBytes }) => [path, differingBytes]).sort()).toEqual([
    ["b/large", BLOCK_BYTES],
    ["c/deep/small", 500],
  ]);
  const changes = kit.sets.slice(before).flatMap((set) => set.changes);
  expect(changes.some((change) => change.op === "compare" && (change.path === "a" || change.path === ""))).toBe(false);
  const asked = changes.flatMap((change) => (change.op === "sums" && change.path === "c/deep/large" && change.range !== undefined ? [change.range] : []));
  expect(asked).toEqual([
    { first: 0, count: 32 },
    { first: 32, count: 16 },
  ]);
});

test("what moves to where it has been is compared there; paused it asks for nothing, and its position stays behind what waits", async () => {
  let isFirst = true;
  const { kit, on, scrub, ended } = await planted({
    onSet: (made, path) => {
      if (path !== "a" || !isFirst) return;
      isFirst = false;
      made().jobs.obey({ kind: "pauseScrub", connectionId: 1, isPaused: true });
    },
  });
  damage(on("c/deep/large"), MiB);
  scrub(null);
  await eventually(() => {
    kit.engine.wake();
    expect(kit.sets.at(-1)?.changes).toMatchObject([{ op: "compare", path: "a" }]);
  });
  // Told as a move: what is told as new is sent anew, damage and all.
  const moved = await kit.changesOf(() => renameSync(kit.path("c/deep"), kit.path("a/moved")));
  expect(moved.map(({ op }) => op)).toContain("rename");
  const paused = kit.sets.length;
  await kit.barrier();
  const asked = kit.sets
    .slice(paused)
    .flatMap((set) => set.changes.filter((change) => change.op === "compare" || (change.op === "sums" && change.range !== undefined)));
  expect(asked).toEqual([]);
  kit.jobs.obey({ kind: "pauseScrub", connectionId: 1, isPaused: false });
  expect((await ended()).map(({ path, why }) => [path, why])).toEqual([["a/moved/large", "content"]]);
  const positions = kit.events.flatMap((event) => (event.kind === "verifyProgress" && event.position !== null ? [event.position] : []));
  expect(positions.length).toBeGreaterThan(0);
  for (const position of positions) expect(comparePositions(position, at("a/moved", "large"))).toBeLessThanOrEqual(0);
});

test("coverage is the start of the last whole round, and the end is told by the pace until now", () => {
  const startMs = Date.parse("2026-11-20T00:00:00.000Z");
  const iso = (hours: number): string => new Date(startMs + hours * 3_600_000).toISOString();
  const settings = { enabled: true, bytesPerSecond: 1000, window: null, everyMs: 86_400_000, repair: "no" } as const;
  const round = { startedAt: iso(0), job: 4, position: at("a"), bytes: 250, bytesTotal: 1000, isWhole: true };
  const scrub: Scrub = { ...NO_SCRUB, settings, round, lastStart: iso(0) };
  const nowMs = startMs + 3_600_000;
  expect(reportScrub(scrub, nowMs)).toMatchObject({ state: "running", verifiedSince: null, round: { percent: 25, endsAt: iso(4) }, nextRoundAt: null });
  const rested: Scrub = {
    ...scrub,
    round: null,
    lastRound: { startedAt: iso(0), endedAt: iso(4), job: 4, differences: 0, unjudged: 0 },
    waitsFor: "the next round is not due yet",
  };
  expect(reportScrub(rested, startMs + 5 * 3_600_000)).toMatchObject({ state: "resting", verifiedSince: iso(0), nextRoundAt: iso(24) });
  expect(reportScrub({ ...scrub, waitsFor: "changes are queued" }, nowMs)).toMatchObject({ state: "waiting", waitsFor: "changes are queued" });
  expect(reportScrub({ ...scrub, settings: { ...settings, enabled: false } }, nowMs)).toMatchObject({ state: "disabled", round: { endsAt: null } });
});
