// MirrorOverwrite: always, older, never. What was never to be overwritten stays, whatever it is, and stays owed.

import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mergeNeeds, needAfter, needByHand } from "../../src/connection/resume-plan.js";
import { contradictionIn } from "../../src/model/mirror-wish.js";
import { pastRacy } from "../support/past-racy.js";
import { planOf } from "../support/plan-of.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const NEVER = { mode: "difference", content: "times", newerOnly: false, missingOnly: true } as const;

test("never: a file, a link, a directory and a file in place of each other stay; what is missing comes, also below what stays", async () => {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (const path of [join(root, "both"), join(root, "isDirectory"), join(target, "both"), join(target, "isFile")]) mkdirSync(path, { recursive: true });
  for (const name of ["both/old", "both/new", "isDirectory/inside", "isFile", "isLink", "one"]) writeFileSync(join(root, name), "of the source");
  linkSync(join(root, "one"), join(root, "two"));
  for (const name of ["both/old", "isDirectory", "one", "two"]) {
    writeFileSync(join(target, name), "of the target");
    utimesSync(join(target, name), 1, 1);
  }
  symlinkSync("nowhere", join(target, "isLink"));
  // What was written just now would be replicated as a change.
  await pastRacy();
  const kit = SourceKit.start({ root, target });
  const { parts } = await planOf(kit, { ...NEVER, extras: "report" });
  expect(parts.overwrite.names).toEqual([]);
  expect(parts.delete.names).toEqual([]);
  await kit.mirror("difference", "report", "none", NEVER);
  const ended = kit.events.findLast((event) => event.kind === "mirrorEmitted");
  const text = (name: string): string => readFileSync(join(target, name), "utf8");
  expect(["both/old", "isDirectory", "one", "two"].map(text)).toEqual(Array(4).fill("of the target"));
  expect(text("both/new")).toBe("of the source");
  expect([existsSync(join(target, "isFile", "x")), existsSync(join(target, "isLink"))]).toEqual([false, false]);
  // The names that stay, and what would lie below a directory that is a file there.
  expect(ended?.counts.leftAlone).toBeGreaterThanOrEqual(6);
  expect(ended?.counts.leftAloneNames).toEqual(expect.arrayContaining(["both/old", "isFile", "isLink"].map((name) => expect.stringContaining(name))));
  await kit.mirror("difference", "report");
  expect(["both/old", "isDirectory/inside", "isFile", "one", "two"].map(text)).toEqual(Array(5).fill("of the source"));
});

test("what was left alone stays owed to a mirror without that, which a person starts", () => {
  const need = needByHand(null, NEVER, "2031");
  const owed = needAfter(need, 2, "2032");
  expect(owed).toMatchObject({ mode: "difference", newerOnly: false, isAutomatic: false, message: expect.stringContaining("nothing was to be overwritten") });
  expect(owed?.missingOnly).toBeUndefined();
  expect(needAfter(need, 0, "2032")).toBeNull();
  const restart = { ...need, reason: "restart", missingOnly: false, message: "restarted", isAutomatic: true } as const;
  expect(mergeNeeds(need, restart).missingOnly).toBeUndefined();
  expect(mergeNeeds(restart, need).missingOnly).toBeUndefined();
});

test("never goes with no full mirror, with no comparison of contents, and not with newer", () => {
  expect(contradictionIn(NEVER)).toBeNull();
  for (const other of [{ mode: "full" }, { content: "checksum" }, { content: "checksum-all" }, { newerOnly: true }] as const) {
    expect(contradictionIn({ ...NEVER, ...other })).not.toBeNull();
  }
});
