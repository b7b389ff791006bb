// Which files may have been changed through a mapping: told by the kernel's faults, for whole processes that are gone when they are looked
// at, and for no file that was only written and read. Needs root, tracefs and the mkfs of each file system.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { MappingTouches, type TouchDrain } from "../../src/capture/mapping-touches.js";
import { MappingWatch } from "../../src/capture/mapping-watch.js";
import { findTraceVolume } from "../../src/capture/trace-volume.js";
import { eventually } from "../support/eventually.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { MapWriter } from "../support/map-writer.js";
import { canTrace, hasTraceEvent } from "../support/trace-kit.js";

interface Setting {
  readonly watch: MappingWatch;
  readonly device: number;
  readonly path: (name: string) => string;
  readonly mayHaveBeenMapped: (name: string) => boolean;
}

const BYTES = 1024 * 1024;

/** Three files on a disk, none of them in the cache of a process. */
function prepare(type: FileSystemType, isWatched: (device: number, ino: number) => boolean = () => true): Setting {
  const image = LoopImage.open({ type, sizeMiB: 320 });
  const path = (name: string): string => join(image.path, name);
  for (const name of ["mapped", "written", "other"]) {
    writeFileSync(path(name), Buffer.alloc(BYTES, name));
    const fd = openSync(path(name), "r+");
    fsyncSync(fd);
    closeSync(fd);
  }
  const volume = findTraceVolume(image.path);
  if ("reason" in volume) throw new Error(volume.reason);
  const touches = MappingTouches.open([volume]);
  const ranges = { takeMapCalls: () => expect.fail("the kernel tells touches") };
  const watch = new MappingWatch({ devices: [volume.device], ranges, touches, isWatched });
  onTestFinished(() => watch.close());
  expect(touches).not.toBeNull();
  const mayHaveBeenMapped = (name: string): boolean => watch.mayHaveBeenMapped(volume.device, statSync(path(name)).ino);
  return { watch, device: volume.device, path, mayHaveBeenMapped };
}

describe.each<FileSystemType>(["ext4", "xfs", "btrfs"])("%s", (type) => {
  const skip = !canTrace() || !canMountImages(type) || !hasTraceEvent("filemap", "mm_filemap_fault");

  test.skipIf(skip)("a file that is mapped for writing is found by its first touch, and that it is not any more, by a scan", async () => {
    const { watch, device, path, mayHaveBeenMapped } = prepare(type);
    const writer = new MapWriter();
    await writer.run(`map ${path("mapped")}`);
    expect(watch.gather()).toEqual([]);
    await writer.run("store 5 7");
    const { ino } = statSync(path("mapped"));
    expect(watch.gather()).toEqual([expect.objectContaining({ device, ino, path: path("mapped") })]);
    expect([watch.isMapped(device, ino), mayHaveBeenMapped("mapped"), mayHaveBeenMapped("other")]).toEqual([true, true, false]);
    await writer.run("unmap");
    expect(watch.scan().released).toEqual([expect.objectContaining({ ino })]);
    expect(watch.isMapped(device, ino)).toBe(false);
  });

  test.skipIf(skip)("whoever is gone when it is looked for leaves its file in doubt, and no other; what is written and read is in none", async () => {
    const { watch, path, mayHaveBeenMapped } = prepare(type);
    const writer = new MapWriter();
    await writer.run(`map ${path("mapped")}`);
    await writer.run("store 5 7");
    await writer.run("unmap");
    await writer.close();
    const fd = openSync(path("written"), "r+");
    writeFileSync(fd, "anew");
    closeSync(fd);
    readFileSync(path("written"));
    expect(watch.gather()).toEqual([]);
    expect(["mapped", "written", "other"].map(mayHaveBeenMapped)).toEqual([true, false, false]);
  });

  test.skipIf(skip)("a file that becomes known after it was touched is found", async () => {
    const known = new Set<number>();
    const { watch, device, path } = prepare(type, (_, ino) => known.has(ino));
    const writer = new MapWriter();
    await writer.run(`map ${path("mapped")}`);
    await writer.run("store 5 7");
    expect(watch.gather()).toEqual([]);
    renameSync(path("mapped"), path("renamed"));
    const { ino } = statSync(path("renamed"));
    known.add(ino);
    await sleep(60);
    expect(watch.gather()).toEqual([expect.objectContaining({ device, ino })]);
    // A second mapping by the same process, right after it was looked at, is looked for a second later.
    await writer.run("unmap");
    watch.scan();
    await writer.run(`map ${path("renamed")}`);
    await writer.run("store 9 1");
    expect(watch.gather()).toEqual([]);
    await sleep(1100);
    expect(watch.gather()).toEqual([expect.objectContaining({ device, ino })]);
  });
});

test.skipIf(!canMountImages("ext4"))("what a look at all processes finds let go is to be compared, whoever asked for it", async () => {
  const image = LoopImage.open({ type: "ext4", sizeMiB: 64 });
  const path = join(image.path, "mapped");
  writeFileSync(path, Buffer.alloc(BYTES));
  const volume = findTraceVolume(image.path);
  if ("reason" in volume) throw new Error(volume.reason);
  const { ino } = statSync(path);
  const writer = new MapWriter();
  await writer.run(`map ${path}`);
  let isComplete = true;
  const touches = { drain: () => ({ touches: [], isComplete }), audit: () => undefined, close: () => undefined };
  const ranges = { takeMapCalls: () => expect.fail("the kernel tells touches") };
  const watch = new MappingWatch({ devices: [volume.device], ranges, touches, isWatched: () => true });
  expect(watch.scan().found).toMatchObject([{ ino }]);
  await writer.run("unmap");
  isComplete = false;
  await eventually(() => expect(watch.gather()).toMatchObject([{ ino }]));
  expect(watch.isMapped(volume.device, ino)).toBe(false);
});

test("what is lost puts every file in doubt, and has all processes looked at", () => {
  const told: TouchDrain[] = [{ touches: [], isComplete: false }];
  const touches = { drain: () => told.shift() ?? { touches: [], isComplete: true }, audit: () => undefined, close: () => undefined };
  const ranges = { takeMapCalls: () => expect.fail("the kernel tells touches") };
  const watch = new MappingWatch({ devices: [1], ranges, touches, isWatched: () => true });
  expect(watch.mayHaveBeenMapped(1, 2)).toBe(false);
  watch.gather();
  expect(watch.mayHaveBeenMapped(1, 2)).toBe(true);
});

test("without the kernel's word a call of mmap puts every file in doubt for a moment", () => {
  const calls = [[{ pid: 2 ** 22 + 1, fd: 3 }], []];
  const ranges = { takeMapCalls: () => ({ calls: calls.shift() ?? [], isComplete: true }) };
  const watch = new MappingWatch({ devices: [1], ranges, touches: null, isWatched: () => true });
  expect(watch.mayHaveBeenMapped(1, 2)).toBe(false);
  expect(watch.gather()).toEqual([]);
  expect(watch.mayHaveBeenMapped(1, 2)).toBe(true);
});
