// Restores by numbers and rules alone, and what is overwritten of real files.

import { existsSync, lstatSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { afterWalk, type NextStep, WALKS_MAX, type WalkEnd } from "../../src/agent/restore-walk.js";
import { RestoreMarks } from "../../src/apply/restore-marks.js";
import { checkTargetPath } from "../../src/apply/target-path.js";
import { silentLog } from "../../src/base/log.js";
import { connectionRecordSchema } from "../../src/connection/connection-record.js";
import { Transmission } from "../../src/connection/transmission.js";
import { isBlocked, isTaken } from "../../src/jobs/left-alone.js";
import { pathInCopy, type RestoreOptions, restoreContradiction, restoreOptionsSchema, reversed, transmissionOf, walkOf } from "../../src/model/restore.js";
import { pastRacy } from "../support/past-racy.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const DATE = 1_700_000_000;
const OVERWRITES = ["always", "newer", "missing"] as const;

/** What the receiver has of each name, seen from the copy: nothing, or another content with this date. */
const CASES = ["missing", "older", "equal-but-content", "newer"] as const;

function write(path: string, content: string, date: number): void {
  writeFileSync(path, content);
  utimesSync(path, date, date);
}

async function restored(
  options: Pick<RestoreOptions, "overwrite" | "checksum" | "orphans">,
): Promise<{ readonly came: string[]; readonly names: string[]; readonly left: number }> {
  const directory = makeTempDirectory();
  const [copy, receiver] = [join(directory, "copy"), join(directory, "receiver")];
  for (const root of [copy, receiver]) mkdirSync(join(root, "d"), { recursive: true });
  for (const name of CASES) {
    write(join(copy, "d", name), "copy", DATE);
    if (name !== "missing") write(join(receiver, "d", name), "here", name === "older" ? DATE - 10 : name === "newer" ? DATE + 10 : DATE);
  }
  // Something else in place of a directory that the copy has, and something that it has not.
  mkdirSync(join(copy, "blocked", "deep"), { recursive: true });
  for (const path of ["blocked/f", "blocked/deep/f"]) write(join(copy, path), "copy", DATE);
  write(join(receiver, "blocked"), "here", DATE);
  write(join(receiver, "d", "orphan"), "here", DATE);
  await pastRacy();
  const kit = SourceKit.start({ root: copy, target: receiver });
  const { extras, ...walk } = walkOf({ ...options, paths: null });
  await kit.mirror("difference", extras, "none", walk);
  await kit.settle();
  const counts = kit.events.flatMap((event) => (event.kind === "mirrorEmitted" ? [event.counts] : []))[0];
  const came = CASES.filter((name) => readFileSync(join(receiver, "d", name), "utf8") === "copy");
  const names = ["d/orphan", "blocked/f", "blocked/deep/f"].filter((path) => lstatSync(join(receiver, "blocked")).isDirectory() || path === "d/orphan");
  return { came, names: names.filter((path) => existsSync(join(receiver, path))), left: counts?.leftAlone ?? 0 };
}

const BELOW = ["blocked/f", "blocked/deep/f"];

test.each([
  [
    { overwrite: "always", checksum: false, orphans: "keep" },
    { came: ["missing", "older", "newer"], names: ["d/orphan", ...BELOW], left: 0 },
  ],
  [
    { overwrite: "always", checksum: false, orphans: "delete" },
    { came: ["missing", "older", "newer"], names: BELOW, left: 0 },
  ],
  [
    { overwrite: "always", checksum: true, orphans: "delete" },
    { came: [...CASES], names: BELOW, left: 0 },
  ],
  [
    { overwrite: "newer", checksum: false, orphans: "report" },
    { came: ["missing", "older"], names: ["d/orphan", ...BELOW], left: 1 },
  ],
  [
    { overwrite: "newer", checksum: false, orphans: "delete" },
    { came: ["missing", "older"], names: BELOW, left: 1 },
  ],
  // What is there stays, be it in the way of a whole directory.
  [
    { overwrite: "missing", checksum: false, orphans: "keep" },
    { came: ["missing"], names: ["d/orphan"], left: 6 },
  ],
  [
    { overwrite: "missing", checksum: false, orphans: "delete" },
    { came: ["missing"], names: [], left: 6 },
  ],
] as const)("%j", async (options, outcome) => {
  expect(await restored(options)).toEqual(outcome);
});

const ignore = (): void => undefined;

test("a limit is that of the sender from its first piece on, and nothing where there is none", () => {
  const asked = { overwrite: "always", checksum: false, orphans: "keep", paths: null } as const;
  const opened = (options: object): Transmission =>
    new Transmission({
      ...{ id: 1, settings: transmissionOf(restoreOptionsSchema.parse(options)), keep: ignore, onLink: ignore, onRate: ignore },
      ...{ onMirrorSent: ignore, onChange: ignore, queue: () => ({ bytes: 0, share: 0, owesMirror: false, isEmpty: true }), log: silentLog },
    });
  const limited = opened({ ...asked, bytesPerSecond: 200_000 });
  expect([limited.bytesPerSecond, limited.pace(new AbortController().signal).pieceBytes, limited.isOpen]).toEqual([200_000, 10_000, true]);
  expect([opened(asked).bytesPerSecond, opened(asked).isOpen]).toEqual([null, true]);
  for (const bytesPerSecond of [0, 1023, 1e13, null]) expect(restoreOptionsSchema.safeParse({ ...asked, bytesPerSecond }).success).toBe(false);
});

test("only what differs is looked for by its content", () => {
  expect(OVERWRITES.filter((overwrite) => restoreContradiction({ overwrite, checksum: true }) !== null)).toEqual(["newer", "missing"]);
  expect(OVERWRITES.filter((overwrite) => restoreContradiction({ overwrite, checksum: false }) !== null)).toEqual([]);
});

test.each([
  ["file", "missing", false],
  ["file", "content", true],
  ["file", "attr", true],
  ["file", "link", true],
  ["dir", "missing", false],
  ["dir", "attr", false],
  ["dir", "type", true],
] as const)("where only what is missing comes, a %s that is %s is taken: %s", (type, why, taken) => {
  expect(isTaken(type, why)).toBe(taken);
  expect(isBlocked([{ name: "", why }])).toBe(why === "type");
});

const WALK: WalkEnd = { failures: 0, changes: 0, walks: 1, isCopyLive: false, receiver: "A" };

test.each<[string, Partial<WalkEnd>, NextStep["kind"]]>([
  ["a copy at rest", {}, "done"],
  ["a copy that was written to", { changes: 3 }, "again"],
  ["one that always is", { changes: 3, walks: WALKS_MAX }, "failed"],
  ["one whose source goes on", { changes: 3, isCopyLive: true }, "done"],
  ["files that were refused", { failures: 1 }, "failed"],
])("after a walk: %s", (_, end, kind) => {
  expect(afterWalk({ ...WALK, ...end }).kind).toBe(kind);
});

test("paths of the source are found in the copy, and no others", () => {
  const mappings = [
    { source: "/srv/www", target: "/copies/a/www" },
    { source: "/data", target: "/d" },
  ];
  const found = ["/srv/www", "/srv/www/", "/srv/www/x/y", "/data/z", "/srv/wwwx", "/srv"].map((path) => pathInCopy(path, mappings));
  expect(found).toEqual(["/copies/a/www", "/copies/a/www", "/copies/a/www/x/y", "/d/z", undefined, undefined]);
  expect(pathInCopy("/etc/x", [{ source: "/", target: "/copy" }])).toBe("/copy/etc/x");
  expect(reversed(mappings)[1]).toEqual({ source: "/d", target: "/data" });
});

test("a copy that is to be restored first is refused to its source, also after a restart", () => {
  const directory = makeTempDirectory();
  const key = "ab".repeat(16);
  mkdirSync(join(directory, key));
  new RestoreMarks(directory).set(key, { since: "2030-01-01T00:00:00.000Z", why: "A is being restored", isPart: false });
  const marks = new RestoreMarks(directory);
  expect(() => marks.refuse(["cd".repeat(16), key])).toThrow(expect.objectContaining({ code: "RESTORE_REQUIRED", message: "A is being restored" }));
  marks.clear(key);
  marks.clear(key);
  expect(() => marks.refuse([key])).not.toThrow();
});

test("into its own place a source may take back what no other may write; never into the agent's", () => {
  const own = makeTempDirectory();
  const rules = { allowedRoots: ["/srv"], ownDirectories: [own], programDirectories: [] };
  expect(() => checkTargetPath("/etc/sm-test", rules)).toThrow(expect.objectContaining({ code: "TARGET_PATH_DENIED" }));
  expect(() => checkTargetPath("/etc/sm-test", { ...rules, isOwnPlace: true })).not.toThrow();
  expect(() => checkTargetPath(join(own, "x"), { ...rules, isOwnPlace: true })).toThrow(expect.objectContaining({ code: "TARGET_PATH_DENIED" }));
});

test("the record of a connection that knows of no restore is read", () => {
  const record = {
    ...{ id: 1, key: "k", repset: "data", peer: "B", mappings: [{ source: "/a", target: "/b" }], options: {}, createdAt: "", roots: [], epoch: "" },
    ...{ durableSeq: 0, mirrorNeed: null, wasMirrored: true, cleanUntilMs: 0 },
  };
  expect(connectionRecordSchema.parse(record).restore).toBeUndefined();
});
