// What is mounted below a source directory while it is replicated belongs to it, and so does what comes to light again; who asks at
// once is not told of the time before.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import { AgentPair } from "../support/agent-pair.js";
import { canMountImages } from "../support/loop-image.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test.skipIf(!canMountImages("ext4"))("a directory of the same file system, then a file system of its own", async () => {
  const directory = makeTempDirectory();
  const pair = await AgentPair.start(directory);
  const [place, other] = [join(pair.sourceDir, "deep", "place"), join(directory, "other")];
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "covered"), "as it was");
  mkdirSync(join(other, "sub"), { recursive: true });
  writeFileSync(join(other, "sub", "file"), "mounted");
  await pair.connect();
  await pair.expectEqual();
  onTestFinished(() => void spawnSync("umount", ["-l", place]));

  execFileSync("mount", ["--bind", other, place]);
  await pair.expectEqual();
  writeFileSync(join(place, "sub", "file"), "written to");
  await pair.expectEqual();
  execFileSync("umount", [place]);
  await pair.expectEqual();

  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", place]);
  writeFileSync(join(place, "first"), "1");
  await pair.expectEqual();
  mkdirSync(join(place, "sub"));
  writeFileSync(join(place, "sub", "second"), "2");
  await pair.expectEqual();
  execFileSync("umount", [place]);
  await pair.expectEqual();
});
