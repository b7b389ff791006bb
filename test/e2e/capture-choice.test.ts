// Which capture source an agent takes, and what it says about it.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findTraceVolume } from "../../src/capture/trace-volume.js";
import type { CaptureReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { makeTempDirectory } from "../support/temp-tree.js";
import { canTrace } from "../support/trace-kit.js";

/** With write ranges where the kernel tells them of the file system that temporary directories are on. */
const EXPECTED = canTrace() && !("reason" in findTraceVolume(tmpdir())) ? { tier: 1, source: "fanotify + tracefs" } : { tier: 3, source: "fanotify" };
const NO_FANOTIFY = whyNoFanotify() ?? (canMountImages("ext4") ? null : "mkfs.ext4 or root is missing");

async function startPair(source: string, sourceDir?: string): Promise<AgentPair> {
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "a", "etc"), { recursive: true });
  writeFileSync(join(directory, "a", "etc", "sm.yaml"), `capture:\n  source: ${source}\n`);
  return AgentPair.start(directory, sourceDir === undefined ? {} : { sourceDir });
}

async function capture(pair: AgentPair): Promise<CaptureReport> {
  const { captures } = await pair.source.status();
  const [first] = captures;
  if (first === undefined) throw new Error("nothing is captured");
  return first;
}

function mountOverlay(): string {
  const image = LoopImage.open({ type: "ext4", sizeMiB: 64 });
  const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) => join(image.path, name)) as [string, string, string, string];
  for (const path of [lower, upper, work, merged]) mkdirSync(path);
  execFileSync("mount", ["-t", "overlay", "-o", `lowerdir=${lower},upperdir=${upper},workdir=${work}`, "overlay", merged]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", merged]);
  });
  return merged;
}

test.skipIf(NO_FANOTIFY !== null).each(["auto", "fanotify"])(titled("%s: fanotify follows a tree, live, and status says how", NO_FANOTIFY), async (choice) => {
  const pair = await startPair(choice);
  mkdirSync(join(pair.sourceDir, "d/deep"), { recursive: true });
  writeFileSync(join(pair.sourceDir, "d/deep/f"), "before");
  await pair.connect();
  await pair.expectEqual();
  writeFileSync(join(pair.sourceDir, "d/deep/f"), "after");
  renameSync(join(pair.sourceDir, "d"), join(pair.sourceDir, "moved"));
  writeFileSync(join(pair.sourceDir, "moved/deep/g"), "new");
  await eventually(() => {
    expect(readFileSync(join(pair.targetDir, "moved/deep/f"), "utf8")).toBe("after");
    expect(readFileSync(join(pair.targetDir, "moved/deep/g"), "utf8")).toBe("new");
  });
  await eventually(async () => expect((await capture(pair)).coverage).toMatchObject({ ...EXPECTED, losses: 0, directoriesWatched: 3 }));
  expect((await pair.source.cli(["status"])).stdout).toContain(`tier ${EXPECTED.tier} (${EXPECTED.source})`);
  await pair.expectEqual();
});

test.skipIf(NO_FANOTIFY !== null)(titled("auto: where fanotify cannot work it is chokidar, and status says why", NO_FANOTIFY), async () => {
  const pair = await startPair("auto", mountOverlay());
  await pair.connect();
  await pair.expectEqual();
  const { coverage } = await capture(pair);
  expect(coverage).toMatchObject({ tier: 4, source: "chokidar", why: expect.stringContaining("overlay gives out no file handles") });
  writeFileSync(join(pair.sourceDir, "f"), "x");
  await eventually(() => expect(readFileSync(join(pair.targetDir, "f"), "utf8")).toBe("x"));
});

test.skipIf(NO_FANOTIFY !== null)(titled("fanotify where it cannot work: nothing is captured, and status says why", NO_FANOTIFY), async () => {
  const pair = await startPair("fanotify", mountOverlay());
  await pair.connect();
  await eventually(async () => expect((await capture(pair)).reasons[0]?.message).toContain("overlay gives out no file handles"));
});
