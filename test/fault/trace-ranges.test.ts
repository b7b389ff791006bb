// Write ranges on real file systems, against the oracle: what was reported, and nothing else, is copied; the copy must be
// equal. Needs root, tracefs and the mkfs of each file system.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MiB } from "../../src/base/units.js";
import { delay } from "../../src/base/wait.js";
import { settledSize } from "../../src/capture/settled-size.js";
import { TraceRanges } from "../../src/capture/trace-ranges.js";
import { findTraceVolume, type TraceVolume } from "../../src/capture/trace-volume.js";
import { eventually } from "../support/eventually.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { RangeOracle } from "../support/range-oracle.js";
import { canTrace, hasFio } from "../support/trace-kit.js";
import { ALL_WRITE_KINDS, WriteStorm } from "../support/write-storm.js";

interface Setting {
  readonly name: string;
  readonly type: FileSystemType;
  readonly sizeMiB: number;
  readonly mountOptions?: string;
  readonly blockBytes: number;
}

const SETTINGS: readonly Setting[] = [
  // Small ones are made with blocks of 1 KiB.
  { name: "ext4", type: "ext4", sizeMiB: 600, blockBytes: 4096 },
  { name: "ext4 of small blocks", type: "ext4", sizeMiB: 256, blockBytes: 1024 },
  { name: "ext4 nodelalloc", type: "ext4", sizeMiB: 256, mountOptions: "nodelalloc", blockBytes: 4096 },
  { name: "ext4 data=journal", type: "ext4", sizeMiB: 256, mountOptions: "data=journal", blockBytes: 4096 },
  { name: "xfs", type: "xfs", sizeMiB: 320, blockBytes: 4096 },
  { name: "btrfs", type: "btrfs", sizeMiB: 320, blockBytes: 4096 },
  { name: "btrfs nodatacow", type: "btrfs", sizeMiB: 320, mountOptions: "nodatacow", blockBytes: 4096 },
];

function mount({ type, sizeMiB, mountOptions }: Setting): { readonly directory: string; readonly volume: TraceVolume } {
  const image = LoopImage.open({ type, sizeMiB, ...(mountOptions === undefined ? {} : { mountOptions }) });
  const directory = join(image.path, "files");
  // A subvolume has inode numbers of its own: those of the top are used twice.
  if (type === "btrfs") execFileSync("btrfs", ["-q", "subvolume", "create", directory]);
  else mkdirSync(directory);
  const volume = findTraceVolume(directory);
  if ("reason" in volume) throw new Error(volume.reason);
  return { directory, volume };
}

function open(setting: Setting): { readonly directory: string; readonly ranges: TraceRanges; readonly volume: TraceVolume } {
  const { directory, volume } = mount(setting);
  return { directory, volume, ranges: TraceRanges.open({ volumes: [volume] }) };
}

describe.each(SETTINGS)("$name", (setting) => {
  const skip = !canTrace() || !canMountImages(setting.type);

  test.skipIf(skip).each([1, 2])("random writes of all kinds, seed %i", async (seed) => {
    const { directory, ranges, volume } = open(setting);
    try {
      const storm = WriteStorm.open(directory, setting.blockBytes);
      const oracle = new RangeOracle(directory, ranges, volume);
      const done = new Set<string>();
      for (let batch = 0; batch < 40; batch++) {
        const report = await storm.run({ seed: seed * 1000 + batch, operations: 12, files: 5, kinds: ALL_WRITE_KINDS });
        for (const kind of Object.keys(report.counts)) done.add(kind);
        expect(oracle.copy(report.touched).lost).toBe(0);
        expect(oracle.compare(), `batch ${batch} of seed ${seed}`).toEqual([]);
      }
      expect([...done]).toEqual(expect.arrayContaining(["pwrite", "direct", "aio"]));
      expect(done.size).toBeGreaterThan(12);
      await storm.close();
    } finally {
      ranges.close();
    }
  });

  test.skipIf(skip)("writers that go on while it is drained", async () => {
    const { directory, ranges, volume } = open(setting);
    try {
      const oracle = new RangeOracle(directory, ranges, volume);
      let isRunning = true;
      const storms = ["a", "b", "c"].map(async (prefix, index) => {
        const storm = WriteStorm.open(directory, setting.blockBytes);
        for (let batch = 0; batch < 8; batch++) await storm.run({ seed: index * 100 + batch, operations: 60, files: 3, kinds: ALL_WRITE_KINDS, prefix });
        await storm.close();
      });
      const all = Promise.all(storms).finally(() => {
        isRunning = false;
      });
      let copies = 0;
      for (; isRunning; copies++) {
        expect(oracle.copy().lost).toBe(0);
        await delay(1);
      }
      await all;
      expect(oracle.copy().lost).toBe(0);
      expect(oracle.compare(), `after ${copies} copies`).toEqual([]);
      // Nothing writes any more: the next drain is empty but for what writes back.
      expect([...oracle.copy([]).dirty.values()]).toEqual([]);
      expect(copies).toBeGreaterThan(5);
    } finally {
      ranges.close();
    }
  });

  test.skipIf(skip || !hasFio())("the engines of fio", async () => {
    const { directory, ranges, volume } = open(setting);
    try {
      const oracle = new RangeOracle(directory, ranges, volume);
      writeFileSync(join(directory, "data"), Buffer.alloc(16 * MiB, 7));
      oracle.copy();
      for (const engine of ["psync", "libaio", "io_uring"]) {
        for (const direct of ["0", "1"]) {
          const options = [
            `--ioengine=${engine}`,
            `--direct=${direct}`,
            "--rw=randrw",
            "--rwmixread=30",
            "--bs=4k",
            "--size=16m",
            "--io_size=4m",
            "--iodepth=16",
          ];
          execFileSync("fio", ["--name=x", `--filename=${join(directory, "data")}`, ...options, "--norandommap", "--randrepeat=0"], { stdio: "pipe" });
          // Without a modify hint: libaio raises none.
          const { lost, bytesRead } = oracle.copy([]);
          expect(oracle.compare(), `${engine}, direct=${direct}`).toEqual([]);
          expect(lost).toBe(0);
          expect(bytesRead, `${engine}, direct=${direct}`).toBeLessThan(16 * MiB);
        }
      }
    } finally {
      ranges.close();
    }
  });

  test.skipIf(skip)("a write that is under way is waited for", async () => {
    const { directory, ranges, volume } = open(setting);
    try {
      const path = join(directory, "long");
      writeFileSync(path, "");
      ranges.drain();
      ranges.take();
      const bytes = 96 * MiB;
      const writer = spawn("dd", ["if=/dev/zero", `of=${path}`, `bs=${bytes}`, "count=1", "conv=notrunc"], { stdio: "ignore" });
      const exited = once(writer, "exit");
      const dirty = await eventually(() => {
        ranges.drain();
        const [first] = ranges.take().values();
        if (first === undefined) throw new Error("no event yet");
        return first;
      });
      const fd = openSync(path, "r");
      // In one system call, so that its size is either 0 or all of it once the writer is done.
      expect(settledSize(fd, volume.kind, { ...dirty, reach: bytes })).toBe(bytes);
      closeSync(fd);
      await exited;
    } finally {
      ranges.close();
    }
  });
});

test.skipIf(!canTrace() || !canMountImages("ext4") || !canMountImages("xfs"))("several file systems at once", async () => {
  const settings = SETTINGS.filter(({ name }) => name === "ext4" || name === "ext4 of small blocks" || name === "xfs" || name === "btrfs");
  const mounts = settings.filter(({ type }) => canMountImages(type)).map((setting) => ({ setting, ...mount(setting) }));
  const ranges = TraceRanges.open({ volumes: mounts.map(({ volume }) => volume) });
  try {
    const storms = mounts.map(({ setting, directory }) => WriteStorm.open(directory, setting.blockBytes));
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(storms.map((storm) => storm.run({ seed: batch, operations: 20, files: 3, kinds: ALL_WRITE_KINDS })));
      expect(ranges.drain().lost).toBe(0);
      const touched = new Set([...ranges.take().values()].map(({ device }) => device));
      for (const { volume } of mounts) expect(touched.has(volume.device), volume.kind).toBe(true);
      expect(touched.size).toBe(mounts.length);
    }
    await Promise.all(storms.map((storm) => storm.close()));
  } finally {
    ranges.close();
  }
});
