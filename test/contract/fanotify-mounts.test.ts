// File systems below a root that come, go, move and hide under a fanotify source. Needs root and mkfs.ext4.

import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, lstatSync, mkdirSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { handleAt, openHandle } from "../../src/fs/file-handle.js";
import { AT_FDCWD, closeFd, O_RDONLY, O_WRONLY, openAt } from "../../src/fs/native.js";
import { bytesFromText } from "../../src/model/byte-path.js";
import { eventually } from "../support/eventually.js";
import { expectSoon, FanotifyKit, makeWatchedRoot, outlineFacts, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const NO_IMAGES = whyNoFanotify() ?? (canMountImages("ext4") ? null : "mkfs.ext4 or root is missing");

function bind(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  execFileSync("mount", ["--bind", from, to]);
  onTestFinished(() => {
    spawnSync("umount", ["-l", to]);
  });
}

describe.skipIf(NO_IMAGES !== null)(titled("mounts", NO_IMAGES), () => {
  test("a root that is unmounted and mounted again is compared as a whole, and seen again", async () => {
    const image = LoopImage.open({ type: "ext4", sizeMiB: 32 });
    const kept = join(makeTempDirectory(), "kept");
    bind(image.path, kept);
    const kit = await FanotifyKit.start([image.path]);
    image.unmount();
    execFileSync("umount", [kept]);
    execFileSync("mount", ["-o", "loop", join(image.path, "..", "image"), image.path]);
    onTestFinished(() => {
      spawnSync("umount", ["-l", image.path]);
    });
    await expectSoon(kit, "lost ");
    writeFileSync(join(image.path, "f"), "x");
    await expectSoon(kit, "content f");
  });

  test("what is mounted below a root gets its own mark, and is walked when it comes and when it goes", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root]);
    const image = LoopImage.open({ type: "ext4", sizeMiB: 32 });
    mkdirSync(join(image.path, "deep"));
    bind(image.path, join(root, "d/sub"));
    await expectSoon(kit, "walk d/sub");
    writeFileSync(join(root, "d/sub/deep/x"), "x");
    await expectSoon(kit, "content d/sub/deep/x");
    renameSync(join(root, "d"), join(root, "moved"));
    await expectSoon(kit, "rename d -> moved");
    await expectSoon(kit, "walk moved/sub");
    writeFileSync(join(root, "moved/sub/deep/y"), "x");
    await expectSoon(kit, "content moved/sub/deep/y");
    kit.facts.length = 0;
    execFileSync("umount", [join(root, "moved/sub")]);
    await expectSoon(kit, "walk moved/sub");
    writeFileSync(join(root, "moved/sub/g"), "z");
    await expectSoon(kit, "content moved/sub/g");
  });

  test("a directory that shows in two places is told in both", async () => {
    const root = makeWatchedRoot();
    bind(join(root, "d"), join(root, "e/again"));
    const kit = await FanotifyKit.start([root]);
    writeFileSync(join(root, "d/sub/g"), "y");
    expect(outlineFacts(kit.drain()).sort()).toEqual(["content d/sub/g", "content e/again/sub/g"]);
  });

  test("what cannot be marked is said, and walked", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root], { walkSeconds: 0.3 });
    expect(kit.source.coverage().walkSeconds).toBe(0);
    const image = LoopImage.open({ type: "ext4", sizeMiB: 32 });
    for (const name of ["lower", "upper", "work"]) mkdirSync(join(image.path, name));
    execFileSync("mount", [
      "-t",
      "overlay",
      "-o",
      `lowerdir=${image.path}/lower,upperdir=${image.path}/upper,workdir=${image.path}/work`,
      "overlay",
      join(root, "e"),
    ]);
    onTestFinished(() => {
      spawnSync("umount", ["-l", join(root, "e")]);
    });
    await expectSoon(kit, "walk e");
    const coverage = kit.source.coverage();
    expect(coverage.walkSeconds).toBe(0.3);
    expect(coverage.directoriesWatched).toBeLessThan(coverage.directoriesTotal);
    expect(coverage.blindSpots.join()).toContain("root/e is only walked: overlay gives out no file handles");
    kit.facts.length = 0;
    await expectSoon(kit, "walk e");
    execFileSync("umount", [join(root, "e")]);
    await eventually(() => expect(kit.source.coverage().walkSeconds).toBe(0));
  });

  test("files reached without a name are found when a name is known, and walked for when none is", async () => {
    const image = LoopImage.open({ type: "ext4", sizeMiB: 32 });
    const root = join(image.path, "root");
    mkdirSync(join(root, "d"), { recursive: true });
    writeFileSync(join(root, "d/f"), "x");
    const found = handleAt(AT_FDCWD, bytesFromText(join(root, "d/f")));
    if (typeof found === "number") throw new Error(`no handle: ${found}`);
    image.unmount();
    execFileSync("mount", ["-o", "loop", join(image.path, "..", "image"), image.path]);
    onTestFinished(() => {
      spawnSync("umount", ["-l", image.path]);
    });
    const kit = await FanotifyKit.start([root]);
    const mount = openAt(AT_FDCWD, bytesFromText(image.path), O_RDONLY);
    const file = openHandle(mount, found.handle, O_WRONLY);
    writeSync(file, "by its handle");
    closeFd(mount);
    // The kernel has no name for it, only the inode.
    const [fact] = kit.drain();
    expect(fact).toMatchObject({ kind: "content", path: "", node: { ino: lstatSync(join(root, "d/f")).ino } });
    writeSync(file, "again");
    closeSync(file);
    expect(outlineFacts(kit.drain())).toEqual(["content d/f"]);
  });
});
