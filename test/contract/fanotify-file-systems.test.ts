// The fanotify source on each file system it claims to work on, and on those it has to refuse. Needs root and mkfs.

import { execFileSync } from "node:child_process";
import { linkSync, lstatSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { probeFanotify } from "../../src/capture/fanotify-probe.js";
import { FanotifySource } from "../../src/capture/fanotify-source.js";
import { findUnnamed, lookAtTree } from "../support/fact-cover.js";
import { FanotifyKit, POLL_WORKER, whyNoFanotify } from "../support/fanotify-kit.js";
import { FsDriver } from "../support/fs-driver.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { RandomOperations } from "../support/random-operations.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const SIZE_MIB: Readonly<Record<FileSystemType, number>> = { ext4: 64, xfs: 320, btrfs: 256, tmpfs: 64 };
const ROUNDS = 15;
const NO_FANOTIFY = whyNoFanotify();

interface Place {
  readonly name: string;
  readonly type: FileSystemType;
  /** Makes the root, given where the image is mounted. */
  readonly makeRoot: (mount: string, image: LoopImage) => string;
}

function directory(mount: string): string {
  const root = join(mount, "root");
  mkdirSync(root);
  return root;
}

function subvolume(mount: string): string {
  execFileSync("btrfs", ["subvolume", "create", join(mount, "sv")], { stdio: "pipe" });
  return join(mount, "sv");
}

/** Only the subvolume is mounted, as /home often is: the top of the file system is nowhere to be seen. */
function mountedSubvolume(mount: string, image: LoopImage): string {
  subvolume(mount);
  const device = execFileSync("findmnt", ["-n", "-o", "SOURCE", mount], { encoding: "utf8" }).trim().replace(/\[.*/, "");
  const path = join(makeTempDirectory(), "sv");
  mkdirSync(path);
  execFileSync("mount", ["-t", "btrfs", "-o", "subvol=sv", device, path]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", path]);
  });
  image.unmount();
  return path;
}

/** A device as facts tell it: the minor number in 20 bits; stat splits it. */
function deviceNumber(dev: number): number {
  return ((dev >> 8) & 0xfff) * 1048576 + ((dev & 0xff) | ((dev >>> 12) & 0xfff00));
}

const PLACES: readonly Place[] = [
  { name: "ext4", type: "ext4", makeRoot: directory },
  { name: "xfs", type: "xfs", makeRoot: directory },
  { name: "tmpfs", type: "tmpfs", makeRoot: directory },
  { name: "the top of a file system, ext4", type: "ext4", makeRoot: (mount) => mount },
  { name: "the top of btrfs", type: "btrfs", makeRoot: (mount) => mount },
  { name: "a subvolume of btrfs", type: "btrfs", makeRoot: subvolume },
  { name: "a subvolume of btrfs, mounted alone", type: "btrfs", makeRoot: mountedSubvolume },
];

function open(place: Place): { readonly root: string; readonly image: LoopImage } {
  const image = LoopImage.open({ type: place.type, sizeMiB: SIZE_MIB[place.type] });
  return { root: place.makeRoot(image.path, image), image };
}

describe.each(PLACES)("$name", (place) => {
  const why = NO_FANOTIFY ?? (canMountImages(place.type) ? null : `mkfs.${place.type} or root is missing`);

  test("facts name what random operations changed", async ({ skip }) => {
    if (why !== null) skip(why);
    const { root } = open(place);
    const operations = new RandomOperations({ seed: 5, fileBytesMax: 20_000, entriesMax: 150 });
    const driver = await FsDriver.open(root);
    onTestFinished(() => driver.close());
    await driver.run(operations.take(60));
    const kit = await FanotifyKit.start([root]);
    let before = lookAtTree(root);
    for (let round = 0; round < ROUNDS; round++) {
      await driver.run(operations.take(10));
      const facts = kit.drain();
      const after = lookAtTree(root);
      expect(findUnnamed(before, after, facts), `round ${round}`).toEqual([]);
      before = after;
    }
    expect(kit.facts.filter(({ kind }) => kind === "lost")).toEqual([]);
  });

  test("facts carry the identity that stat shows", async ({ skip }) => {
    if (why !== null) skip(why);
    const { root } = open(place);
    mkdirSync(join(root, "d"));
    for (const name of ["d/f", "d/g"]) writeFileSync(join(root, name), "x");
    linkSync(join(root, "d/f"), join(root, "link"));
    const kit = await FanotifyKit.start([root]);
    writeFileSync(join(root, "link"), "through the other name");
    renameSync(join(root, "d/g"), join(root, "g"));
    const inodes = [lstatSync(join(root, "d/f")).ino, lstatSync(join(root, "g")).ino];
    expect(kit.drain().slice(0, 2)).toMatchObject([
      { kind: "rename", path: "d/g", to: "g", node: { ino: inodes[1] } },
      { kind: "content", path: "link", node: { ino: inodes[0] }, isModified: true },
    ]);
    const devices = new Set(kit.facts.flatMap((fact) => ("node" in fact && fact.node !== null ? [fact.node.dev] : [])));
    const { dev } = lstatSync(join(root, "g"));
    expect([...devices]).toEqual([deviceNumber(dev)]);
  });

  test("the probe says so, and the mark stands in nobody's way", async ({ skip }) => {
    if (why !== null) skip(why);
    const { root, image } = open(place);
    expect(probeFanotify(root)).toMatchObject({ kind: "usable", tier: 3, fsType: place.type });
    const kit = await FanotifyKit.start([root]);
    expect(kit.source.coverage()).toMatchObject({ tier: 3, source: "fanotify", advice: null, walkSeconds: 0, losses: 0 });
    writeFileSync(join(root, "f"), "x");
    kit.drain();
    // Mounts elsewhere are no reason to compare anything.
    LoopImage.open({ type: "tmpfs", sizeMiB: 1 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(kit.take()).toEqual([]);
    // "Target is busy" would be thrown.
    image.unmount();
  });
});

describe("btrfs alone", () => {
  const why = NO_FANOTIFY ?? (canMountImages("btrfs") ? null : "mkfs.btrfs or root is missing");

  test("a snapshot is a directory with all that is in it; a subvolume below the root is part of the set", async ({ skip }) => {
    if (why !== null) skip(why);
    const image = LoopImage.open({ type: "btrfs", sizeMiB: SIZE_MIB.btrfs });
    const inner = subvolume(image.path);
    mkdirSync(join(inner, "d"));
    writeFileSync(join(inner, "d/f"), "x");
    const kit = await FanotifyKit.start([image.path]);
    writeFileSync(join(inner, "d/f"), "other");
    const [content] = kit.drain();
    const { ino, dev } = lstatSync(join(inner, "d/f"));
    // The top of the file system has another device number than the subvolume.
    expect(content).toMatchObject({ kind: "content", path: "sv/d/f", node: { ino, dev: deviceNumber(dev) } });
    expect(lstatSync(image.path).dev).not.toBe(dev);
    execFileSync("btrfs", ["subvolume", "snapshot", inner, join(image.path, "snap")], { stdio: "pipe" });
    expect(kit.drain()).toContainEqual(expect.objectContaining({ kind: "directory", root: 0, path: "snap", recursive: true }));
    writeFileSync(join(image.path, "snap/d/f"), "in the snapshot");
    expect(kit.drain()).toMatchObject([{ kind: "content", path: "snap/d/f" }]);
  });
});

describe("overlay", () => {
  const why = NO_FANOTIFY ?? (canMountImages("ext4") ? null : "root is missing");

  function mountOverlay(options: string): string {
    const image = LoopImage.open({ type: "ext4", sizeMiB: SIZE_MIB.ext4 });
    const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) => join(image.path, name)) as [string, string, string, string];
    for (const path of [lower, upper, work, merged]) mkdirSync(path);
    execFileSync("mount", ["-t", "overlay", "-o", `lowerdir=${lower},upperdir=${upper},workdir=${work}${options}`, "overlay", merged]);
    onTestFinished(() => {
      execFileSync("umount", ["-l", merged]);
    });
    return merged;
  }

  test("gives out no handles: refused in clear words", async ({ skip }) => {
    if (why !== null) skip(why);
    const root = mountOverlay("");
    expect(probeFanotify(root)).toEqual({ kind: "unusable", fsType: "overlay", reason: expect.stringContaining("overlay gives out no file handles") });
    const scope = { roots: [{ index: 0, path: root }], mayContain: () => true };
    await expect(FanotifySource.open({ scope, walkSeconds: 0, pollWorker: POLL_WORKER })).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("overlay"),
    });
  });

  test("with nfs_export works", async ({ skip }) => {
    if (why !== null) skip(why);
    const root = mountOverlay(",index=on,nfs_export=on");
    const kit = await FanotifyKit.start([root]);
    mkdirSync(join(root, "d"));
    writeFileSync(join(root, "d/f"), "x");
    renameSync(join(root, "d/f"), join(root, "g"));
    const facts = kit.drain();
    expect(findUnnamed(new Map(), lookAtTree(root), facts)).toEqual([]);
  });
});
