// The table of the HP guide p. 10-2, file by file: what each kind of mirror sends of a file, by what the target has of it; and that the plan of that mirror
// says the same before, and changes nothing.

import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { MirrorWish } from "../../src/model/mirror-wish.js";
import type { PlanAction } from "../../src/model/plan.js";
import { readManifest } from "../support/compare-trees.js";
import { pastRacy } from "../support/past-racy.js";
import { planOf } from "../support/plan-of.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const SMALL = 1000;
const LARGE = 1024 * 1024;
const BLOCK = 64 * 1024;
const DATE = 1_700_000_000;

/**
 * Of the target's file, seen from the source's. touched, older, newer: by its date, and but for touched with other content; size: of the same date, and
 * shorter; hidden: only its content is another; flagged: the same, but it was written since the last time all was known to be right.
 */
const STATES = ["same", "touched", "older", "newer", "size", "hidden", "flagged", "missing"] as const;
type State = (typeof STATES)[number];

/** Of a small file, and of a large one: what becomes of it, and the bytes and blocks that are sent. */
type Fate = readonly [small: PlanAction | "nothing", bytes: number, large: PlanAction | "nothing", blocks: number];

const NOTHING: Fate = ["nothing", 0, "nothing", 0];
const WHOLE: Fate = ["overwrite", SMALL, "overwrite", LARGE / BLOCK];
const MADE: Fate = ["create", SMALL, "create", LARGE / BLOCK];
/** One block differs; a small file has but one. */
const BLOCKS: Fate = ["overwrite", SMALL, "overwrite", 1];
const LEFT: Fate = ["leaveAlone", 0, "leaveAlone", 0];
const TIMES_ONLY: Fate = ["attributes", 0, "attributes", 0];
/** A small file is sent without a look at its content. */
const SENT_UNREAD: Fate = ["overwrite", SMALL, "attributes", 0];

const TABLE: readonly (MirrorWish & { readonly fates: Readonly<Record<State, Fate>> })[] = [
  {
    ...{ mode: "full", content: "times", newerOnly: false },
    fates: { same: WHOLE, touched: WHOLE, older: WHOLE, newer: WHOLE, size: WHOLE, hidden: WHOLE, flagged: WHOLE, missing: MADE },
  },
  {
    ...{ mode: "difference", content: "times", newerOnly: false },
    fates: { same: NOTHING, touched: SENT_UNREAD, older: BLOCKS, newer: BLOCKS, size: BLOCKS, hidden: NOTHING, flagged: BLOCKS, missing: MADE },
  },
  {
    ...{ mode: "difference", content: "times", newerOnly: true },
    fates: { same: NOTHING, touched: SENT_UNREAD, older: BLOCKS, newer: LEFT, size: LEFT, hidden: NOTHING, flagged: BLOCKS, missing: MADE },
  },
  {
    ...{ mode: "difference", content: "times", newerOnly: false, missingOnly: true },
    fates: { same: NOTHING, touched: LEFT, older: LEFT, newer: LEFT, size: LEFT, hidden: NOTHING, flagged: LEFT, missing: MADE },
  },
  // What has a content is not concerned: of empty files see unit/mirror-empty.
  {
    ...{ mode: "full", content: "times", newerOnly: false, skipsEmpty: true },
    fates: { same: WHOLE, touched: WHOLE, older: WHOLE, newer: WHOLE, size: WHOLE, hidden: WHOLE, flagged: WHOLE, missing: MADE },
  },
  {
    ...{ mode: "difference", content: "times", newerOnly: true, skipsEmpty: true },
    fates: { same: NOTHING, touched: SENT_UNREAD, older: BLOCKS, newer: LEFT, size: LEFT, hidden: NOTHING, flagged: BLOCKS, missing: MADE },
  },
  {
    ...{ mode: "difference", content: "checksum", newerOnly: false },
    fates: { same: NOTHING, touched: TIMES_ONLY, older: BLOCKS, newer: BLOCKS, size: BLOCKS, hidden: NOTHING, flagged: BLOCKS, missing: MADE },
  },
  {
    ...{ mode: "difference", content: "checksum", newerOnly: true },
    fates: { same: NOTHING, touched: TIMES_ONLY, older: BLOCKS, newer: LEFT, size: LEFT, hidden: NOTHING, flagged: BLOCKS, missing: MADE },
  },
  {
    ...{ mode: "difference", content: "checksum-all", newerOnly: false },
    fates: { same: NOTHING, touched: TIMES_ONLY, older: BLOCKS, newer: BLOCKS, size: BLOCKS, hidden: BLOCKS, flagged: BLOCKS, missing: MADE },
  },
];

const KINDS = ["small", "large"] as const;
const PATHS = KINDS.flatMap((kind) => STATES.map((state) => ({ kind, state, path: `${kind}/${state}` })));

interface Planted {
  readonly root: string;
  readonly target: string;
  /** Files written on the source since then are flagged. */
  readonly changedSinceMs: number;
}

/** Both sides, and a name that only the target has, with two files below it. */
async function planted(): Promise<Planted> {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (const top of [root, target]) for (const kind of KINDS) mkdirSync(join(top, kind), { recursive: true });
  for (const { kind, state, path } of PATHS) {
    const content = Buffer.alloc(kind === "small" ? SMALL : LARGE, "s");
    writeDated(join(root, path), content, DATE);
    if (!["same", "touched", "size"].includes(state)) content.write("damaged");
    const found = state === "size" ? content.subarray(0, content.length - 1) : content;
    if (state !== "missing") writeDated(join(target, path), found, state === "newer" ? DATE + 10 : ["touched", "older"].includes(state) ? DATE - 10 : DATE);
  }
  mkdirSync(join(target, "large/extra"));
  for (const name of ["a", "b"]) writeFileSync(join(target, "large/extra", name), "four");
  await pastRacy();
  const changedSinceMs = Date.now();
  await pastRacy();
  for (const kind of KINDS) writeDated(join(root, kind, "flagged"), readFileSync(join(root, kind, "flagged")), DATE);
  await pastRacy();
  return { root, target, changedSinceMs };
}

function writeDated(path: string, content: Buffer, seconds: number): void {
  writeFileSync(path, content);
  utimesSync(path, seconds, seconds);
}

/** Payload bytes of the sets since, by path. */
function sentOf(kit: SourceKit, since: number): ReadonlyMap<string, number> {
  const sent = new Map<string, number>();
  for (const change of kit.sets.slice(since).flatMap(({ changes }) => changes))
    if (change.op === "file") sent.set(change.path, (sent.get(change.path) ?? 0) + change.payload.length);
  return sent;
}

test.each(TABLE)("$mode $content, newer only: $newerOnly, overwriting nothing: $missingOnly, without empty files: $skipsEmpty", async ({ fates, ...wish }) => {
  const { root, target, changedSinceMs } = await planted();
  const kit = SourceKit.start({ root, target });
  const suspect = { changedSinceMs };
  const before = await readManifest(target);
  const { parts, counts } = await planOf(kit, { ...wish, suspect, extras: "remove" });
  expect(counts).toMatchObject({ files: PATHS.length, unjudged: 0, uncounted: 0 });
  expect(await readManifest(target)).toEqual(before);
  expect(sentOf(kit, 0).size).toBe(0);
  const planned = new Map(
    Object.entries(parts).flatMap(([action, { names }]) => names.filter((n) => !n.isDirectory).map(({ path }) => [path as string, action])),
  );
  const since = kit.sets.length;
  await kit.mirror(wish.mode, "remove", suspect, wish);
  const sent = sentOf(kit, since);
  const seen = PATHS.map(({ path }) => `${path}: ${planned.get(path) ?? "nothing"} ${sent.get(path) ?? 0}`);
  const wanted = PATHS.map(({ kind, state, path }) => {
    const [small, bytes, large, blocks] = fates[state];
    return kind === "small" ? `${path}: ${small} ${bytes}` : `${path}: ${large} ${blocks * BLOCK}`;
  });
  expect(seen).toEqual(wanted);
  expect(parts.create.bytes + parts.overwrite.bytes).toBe([...sent.values()].reduce((sum, bytes) => sum + bytes, 0));
  expect(parts.delete).toMatchObject({ files: 2, directories: 1, bytes: 8, names: [{ path: "large/extra", isDirectory: true }] });
  expect(existsSync(join(target, "large/extra"))).toBe(false);
});

test("a mirror that removes nothing: what only the target has is told to stay, and is another's from then on", async () => {
  const { root, target } = await planted();
  const kit = SourceKit.start({ root, target });
  const newer = { mode: "difference", content: "times", newerOnly: true } as const;
  const { parts } = await planOf(kit, { ...newer, extras: "report" });
  expect(parts.stay).toMatchObject({ files: 2, directories: 1, bytes: 8, names: [{ path: "large/extra" }] });
  expect(parts.delete).toMatchObject({ files: 0, directories: 0, names: [] });
  await kit.mirror("difference", "report", "none", newer);
  await kit.mirror("difference", "remove");
  expect(existsSync(join(target, "large/extra/a"))).toBe(true);
});
