// Files that never rest, as those of a database: they are mirrored, and then in no doubt, while they are written, closed and opened all the
// time. Needs root, tracefs and the mkfs of each file system.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { PYTHON } from "../support/python.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { canTrace } from "../support/trace-kit.js";

/** Writes until it is stopped; ends with the test. */
async function startWriter(directory: string): Promise<() => Promise<void>> {
  const script = fileURLToPath(new URL("../support/busy-writer.py", import.meta.url));
  const child = spawn(PYTHON, [script, directory], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const ended = once(child, "exit");
  return async () => {
    child.stdin.end();
    expect(await ended).toEqual([0, null]);
  };
}

const TYPES = ["ext4", "xfs", "btrfs"] as const;

test.skipIf(!canTrace()).for(TYPES.filter((type) => canMountImages(type)))(
  "%s: what is written while it is mirrored is in doubt no longer than that takes",
  async (type) => {
    const sourceDir = join(LoopImage.open({ type, sizeMiB: 1024 }).path, "data");
    mkdirSync(sourceDir);
    const stop = await startWriter(sourceDir);
    const pair = await AgentPair.start(makeTempDirectory(), { sourceDir });
    await pair.connect();
    await eventually(
      async () => expect(await pair.report()).toMatchObject({ state: "streaming", targetDataState: "OK", reasons: [], mirror: { outcome: "done" } }),
      { timeoutMs: 60_000 },
    );
    await stop();
    await pair.expectEqual();
  },
);
