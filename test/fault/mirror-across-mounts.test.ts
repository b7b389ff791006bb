// A target that is more than one file system: what the source has linked cannot be linked there.

import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { pastRacy } from "../support/past-racy.js";
import { payloadBytes, SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("names linked across a mount point of the target (needs root): copies, made once, and said", async () => {
  const directory = makeTempDirectory();
  const [root, target] = [join(directory, "source"), join(directory, "target")];
  for (const tree of [root, target]) mkdirSync(join(tree, "d"), { recursive: true });
  writeFileSync(join(root, "a"), "content");
  linkSync(join(root, "a"), join(root, "d/b"));
  linkSync(join(root, "a"), join(root, "d/c"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", join(target, "d")]);
  onTestFinished(() => void execFileSync("umount", [join(target, "d")]));
  writeFileSync(join(target, "d/c"), "another");
  writeFileSync(join(root, "d/alone"), "x");
  utimesSync(join(root, "a"), 1000, 1000);
  for (let round = 0; round < 3; round++) {
    if (round === 2) writeFileSync(join(root, "d/c"), "changed");
    const content = round === 2 ? "changed" : "content";
    await pastRacy();
    const kit = SourceKit.start({ root, target });
    await kit.mirror("difference");
    await kit.settle();
    expect(["a", "d/b", "d/c"].map((name) => readFileSync(join(target, name), "utf8"))).toEqual([content, content, content]);
    expect(payloadBytes(kit.sets.flatMap(({ changes }) => changes))).toBeLessThan(20);
    expect(kit.answers.filter(({ kind }) => kind === "stale")).toEqual([]);
    expect(kit.answers).toContainEqual(expect.objectContaining({ kind: "problem", path: "d/b", code: "EXDEV" }));
    await kit.stop();
  }
});
