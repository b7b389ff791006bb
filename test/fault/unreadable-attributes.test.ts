// More attributes than are carried: what the target lacks is told by each mirror, not taken for the same.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { pastRacy } from "../support/past-racy.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test.runIf(canMountImages("xfs"))("attributes of a file that cannot be read are told by a mirror", async () => {
  const { path: root } = LoopImage.open({ type: "xfs", sizeMiB: 300 });
  const target = join(makeTempDirectory(), "target");
  writeFileSync(join(root, "file"), "content");
  writeFileSync(join(root, "other"), "content");
  await pastRacy();
  await SourceKit.start({ root, target }).mirror("full");
  for (let i = 0; i < 17; i++) execFileSync("setfattr", ["-n", `user.${i}`, "-v", "x".repeat(65_000), join(root, "file")]);
  await pastRacy();
  // What another one finds when it starts is nothing that changes.
  const kit = SourceKit.start({ root, target });
  expect(await kit.barrier()).toEqual([]);
  expect(kit.problems).toEqual([]);
  await kit.mirror("difference");
  expect(kit.problems).toEqual([{ path: "file", code: "FS_IO" }]);
});
