// Files that never rest, as those of a database: they are mirrored, and then in no doubt, while they are written, closed and opened all the
// time. Needs root, tracefs and the mkfs of each file system.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fchmodSync, futimesSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { LiveContent } from "../../src/capture/live-content.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { FanotifyKit } from "../support/fanotify-kit.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { pastRacy } from "../support/past-racy.js";
import { PYTHON } from "../support/python.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { attachContent, canTrace } from "../support/trace-kit.js";

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

/** Too large to be sent whole. */
const FILE_BYTES = 1 << 20;
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

test.skipIf(!canTrace()).for(TYPES.filter((type) => canMountImages(type)))(
  "%s: a file all of which was told is not compared when it is closed and renamed, but is when it is left with other times",
  async (type) => {
    const root = join(LoopImage.open({ type, sizeMiB: 320 }).path, "data");
    mkdirSync(root);
    const { source } = await FanotifyKit.start([root]);
    const target = join(makeTempDirectory(), "target");
    const contents: LiveContent[] = [];
    const kit = SourceKit.start({ root, target, signatureBytesMax: 0, attach: (engine) => contents.push(attachContent(engine, source)) });
    source.onFacts(() => kit.engine.wake());
    await kit.mirror("full");
    const fd = openSync(kit.path("draft"), "w");
    writeSync(fd, Buffer.alloc(FILE_BYTES, 1), 0, FILE_BYTES, 0);
    await kit.settle();
    await pastRacy();
    fchmodSync(fd, 0o600);
    await kit.settle();
    const opsAfter = async (deed: () => void): Promise<string[]> => {
      const seen = kit.sets.length;
      deed();
      await kit.settle();
      return kit.sets.slice(seen).flatMap(({ changes }) => changes.map(({ op }) => op));
    };
    const renamed = await opsAfter(() => {
      closeSync(fd);
      renameSync(kit.path("draft"), kit.path("segment"));
    });
    expect(renamed).toContain("rename");
    expect(renamed).not.toContain("sums");
    // What was lost may be writes whose time was put back: then no more than another time of change is needed.
    for (const content of contents) content.distrust();
    const doubted = await opsAfter(() => {
      closeSync(openSync(kit.path("segment"), "r+"));
      renameSync(kit.path("segment"), kit.path("kept"));
    });
    expect(doubted).toContain("sums");
    const partly = await opsAfter(() => {
      const again = openSync(kit.path("kept"), "r+");
      writeSync(again, "told", 4096);
      closeSync(again);
    });
    expect(partly).toContain("sums");
    for (const content of contents) content.trust();
    const left = await opsAfter(() => {
      const again = openSync(kit.path("kept"), "r+");
      futimesSync(again, 1, 1);
      closeSync(again);
    });
    expect(left).toContain("sums");
  },
);
