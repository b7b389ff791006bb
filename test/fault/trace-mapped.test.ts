// Files that are changed through a mapping: found, hinted at by their first store, and settled so that a later store is
// hinted at again. Needs root, tracefs and the mkfs of each file system.

import { closeSync, fsyncSync, openSync, readSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { MiB } from "../../src/base/units.js";
import { MappedFiles, settle } from "../../src/capture/mapped-files.js";
import { type DirtyInode, MARK_MAPPED } from "../../src/capture/range-table.js";
import { TraceRanges } from "../../src/capture/trace-ranges.js";
import { findTraceVolume } from "../../src/capture/trace-volume.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { MapWriter } from "../support/map-writer.js";
import { canTrace } from "../support/trace-kit.js";

interface Setting {
  readonly path: string;
  readonly ino: number;
  readonly device: number;
  readonly ranges: TraceRanges;
  readonly mapped: MappedFiles;
  readonly writer: MapWriter;
}

/** A file of 4 MiB, all of it in the cache and clean. */
function prepare(type: FileSystemType): Setting {
  const image = LoopImage.open({ type, sizeMiB: 320 });
  const volume = findTraceVolume(image.path);
  if ("reason" in volume) throw new Error(volume.reason);
  const path = join(image.path, "mapped");
  writeFileSync(path, Buffer.alloc(4 * MiB, 1));
  const fd = openSync(path, "r+");
  fsyncSync(fd);
  closeSync(fd);
  const ranges = TraceRanges.open({ volumes: [volume] });
  onTestFinished(() => ranges.close());
  expect(ranges.blindSpots).toEqual([]);
  return { path, ino: statSync(path).ino, device: volume.device, ranges, mapped: new MappedFiles([volume.device]), writer: new MapWriter() };
}

function takeOne(ranges: TraceRanges): DirtyInode | undefined {
  ranges.drain();
  return [...ranges.take().values()][0];
}

function covers(dirty: DirtyInode | undefined, offset: number): boolean {
  if (dirty === undefined) return false;
  return dirty.ranges === "whole" || dirty.ranges.some(([start, length]) => start <= offset && offset < start + length);
}

function byteAt(path: string, offset: number): number {
  const fd = openSync(path, "r");
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  closeSync(fd);
  return byte[0] ?? -1;
}

describe.each<FileSystemType>(["ext4", "xfs", "btrfs"])("%s", (type) => {
  const skip = !canTrace() || !canMountImages(type);

  test.skipIf(skip)("a call of mmap names the file", async () => {
    const { path, ino, device, ranges, mapped, writer } = prepare(type);
    mapped.scan();
    expect(mapped.has(device, ino)).toBe(false);
    await writer.run(`map ${path}`);
    ranges.drain();
    const { calls, isComplete } = ranges.takeMapCalls();
    expect(isComplete).toBe(true);
    expect(calls.map(({ pid }) => pid)).toContain(writer.pid);
    expect(mapped.note(calls).found).toContainEqual(expect.objectContaining({ device, ino, path }));
    await writer.run("unmap");
    expect(mapped.scan().released).toContainEqual(expect.objectContaining({ ino }));
    expect([...mapped.files]).toEqual([]);
  });

  test.skipIf(skip)("a mapping from before the start is found by a scan", async () => {
    const { path, ino, device, mapped, writer } = prepare(type);
    await writer.run(`map ${path}`);
    expect(mapped.scan().found).toContainEqual(expect.objectContaining({ device, ino, path }));
    expect(mapped.scan().found).toEqual([]);
  });

  test.skipIf(skip)("settled pages tell of each later store", async () => {
    const { path, ranges, mapped, writer } = prepare(type);
    await writer.run(`map ${path}`);
    mapped.scan();
    ranges.watchMapped(mapped.files);
    const fd = openSync(path, "r");
    // What was dirty before the watch is settled first.
    expect(settle(fd, 0, 0)).toBe(0);
    takeOne(ranges);
    const offset = 37 * 4096 + 5;
    for (let value = 10; value < 15; value++) {
      await writer.run(`store ${offset} ${value}`);
      const dirty = takeOne(ranges);
      expect(covers(dirty, offset), `store of ${value}`).toBe(true);
      if (type !== "btrfs") expect((dirty?.marks ?? 0) & MARK_MAPPED).toBe(MARK_MAPPED);
      expect(settle(fd, offset - (offset % 4096), 4096)).toBe(0);
      expect(byteAt(path, offset)).toBe(value);
      takeOne(ranges);
    }
    closeSync(fd);
    ranges.watchMapped([]);
    await writer.run(`store ${offset} 99`);
    if (type === "ext4") expect(takeOne(ranges)).toBeUndefined();
  });
});
