// What a target applied without its answers being heard is compared, and nothing beside it.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BytePath } from "../../src/model/byte-path.js";
import type { Change } from "../../src/model/change.js";
import { encodeChangeSet } from "../../src/model/change-set.js";
import { pastRacy } from "../support/past-racy.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const DATE = 1_700_000_000;

function write(path: string, content: string, date: number): void {
  writeFileSync(path, content);
  utimesSync(path, date, date);
}

/** A mirror of what is newer is done; somebody made a file on the target since. */
async function mirrored() {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (const top of [root, target]) mkdirSync(join(top, "d", "deep"), { recursive: true });
  write(join(root, "d", "sent"), "source", DATE);
  for (const name of ["d/edited", "d/deep/edited"]) {
    write(join(root, name), "source", DATE);
    write(join(target, name), "target", DATE + 10);
  }
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  await kit.mirror("difference", "report", "none", { newerOnly: true });
  await kit.settle();
  for (const name of ["made", "d/made", "d/deep/made"]) write(join(target, name), "target", DATE);
  const review = async (changes: readonly Change[]): Promise<void> => {
    const set = kit.sets.at(-1);
    if (set === undefined) throw new Error("nothing was sent");
    kit.jobs.obey({ kind: "review", connectionId: 1, frames: [encodeChangeSet({ ...set, changes })] });
    await kit.settle();
  };
  return { kit, target, review };
}

function attr(path: string): Change {
  const meta = { mode: 0o755, uid: 0, gid: 0, mtimeSec: DATE, mtimeNsec: 0, xattrs: [] };
  return { op: "attr", root: 0, path: path as BytePath, type: "dir", meta, base: null };
}

test("the attributes of a directory speak for nothing in it: what a mirror left alone, and what only the target has, stays", async () => {
  const { kit, target, review } = await mirrored();
  utimesSync(join(target, "d"), DATE, DATE);
  await review([attr(""), attr("d"), { ...attr("d/deep"), op: "dir" } as Change]);
  expect(["made", "d/made", "d/deep/made"].filter((name) => !existsSync(join(target, name)))).toEqual([]);
  for (const name of ["d/edited", "d/deep/edited"]) expect(readFileSync(join(target, name), "utf8")).toBe("target");
  expect(statSync(join(target, "d")).mtimeMs).toBe(statSync(kit.path("d")).mtimeMs);
  expect(statSync(target).mtimeMs).toBe(statSync(kit.root).mtimeMs);
});

test("a directory that the target lacks comes with all that is in it", async () => {
  const { kit, target, review } = await mirrored();
  rmSync(join(target, "d"), { recursive: true });
  await review([attr("d")]);
  expect(readdirSync(join(target, "d"), { recursive: true }).sort()).toEqual(readdirSync(kit.path("d"), { recursive: true }).sort());
});
