// From the bytes of a kernel to ranges: the golden pages, decoded by the formats of the same kernel.

import { describe, expect, test } from "vitest";
import { type DirtyInode, END_OF_FILE, inodeKey, MARK_BY_OTHERS, MARK_UNSETTLED } from "../../src/capture/range-table.js";
import { type DecodeContext, ext4Plans, iomapPlans } from "../../src/capture/trace-events.js";
import { btrfsPlans, extentBits } from "../../src/capture/trace-events-btrfs.js";
import { dirtyFolioPlan, mapCallPlan } from "../../src/capture/trace-events-mapping.js";
import { xfsPlans } from "../../src/capture/trace-events-xfs.js";
import { bytesNeeded, flagBit, parseTraceFormat, symbolValue, wordOf } from "../../src/capture/trace-format.js";
import { TraceSink } from "../../src/capture/trace-sink.js";
import type { TraceVolume } from "../../src/capture/trace-volume.js";
import { GoldenDecoder, goldenFormat, goldenFormatText, goldenPage } from "../support/trace-golden.js";

const EXT4: TraceVolume = { kind: "ext4", device: 7_340_034, blockBytes: 1024, id: "", bdi: "7:2", isDax: false };
const XFS: TraceVolume = { kind: "xfs", device: 7_340_034, blockBytes: 4096, id: "", bdi: "7:2", isDax: false };
const BTRFS: TraceVolume = { kind: "btrfs", device: 39, blockBytes: 4096, id: "5fffbd7f9a8440bf951f1e1e357b034b", bdi: "btrfs-243", isDax: false };

const toEnd = (start: number): readonly [number, number] => [start, END_OF_FILE - start];

function decode(volume: TraceVolume, page: "ext4" | "xfs" | "btrfs"): { readonly dirty: Map<string, DirtyInode>; readonly sink: TraceSink } {
  const decoder = new GoldenDecoder([volume]);
  expect(decoder.decode(goldenPage(page)).isCorrupt).toBe(false);
  return { dirty: decoder.sink.dirty.take(), sink: decoder.sink };
}

describe("golden pages", () => {
  test("ext4: written, written directly, punched, cut; not what was read", () => {
    const { dirty } = decode(EXT4, "ext4");
    expect(dirty.size).toBe(1);
    expect(dirty.get(inodeKey({ device: EXT4.device, root: 0, ino: 12 }))).toMatchObject({
      ranges: [[0, 65_536], [131_072, 8192], [196_608, 4096], toEnd(499_712)],
      marks: MARK_BY_OTHERS | MARK_UNSETTLED,
      reach: 1_048_586,
    });
  });

  test("xfs: what is zeroed counts as written", () => {
    const { dirty } = decode(XFS, "xfs");
    expect(dirty.size).toBe(1);
    expect(dirty.get(inodeKey({ device: XFS.device, root: 0, ino: 131 }))).toMatchObject({
      // Zeroing from 0 on, and then elsewhere by the same thread, counts for what lies between as well.
      ranges: [[0, 200_704], toEnd(499_712)],
      marks: MARK_BY_OTHERS | MARK_UNSETTLED,
    });
  });

  test("btrfs: written pages for certain, unlocked ranges as possible", () => {
    const id = { device: BTRFS.device, root: 5, ino: 257 };
    const { dirty, sink } = decode(BTRFS, "btrfs");
    expect([...dirty.keys()]).toEqual([inodeKey(id)]);
    expect(dirty.get(inodeKey(id))?.ranges).toEqual([[0, 8192], [131_072, 8192], [196_608, 4096], toEnd(499_712)]);
    // The punched 64 KiB write no page; the 8 KiB behind them were read.
    expect(sink.takePossible(id)?.ranges).toContainEqual([0, 73_728]);
    expect(sink.takePossible(id)).toBeNull();
  });

  test("records of other file systems are passed over", () => {
    for (const other of [
      { ...EXT4, device: 1 },
      { ...XFS, device: 1 },
    ]) {
      expect(decode(other, other.kind as "ext4" | "xfs").dirty.size).toBe(0);
    }
    const { dirty, sink } = decode({ ...BTRFS, device: 1, id: "00".repeat(16) }, "btrfs");
    expect(dirty.size).toBe(0);
    expect(sink.takePossible({ device: 1, root: 5, ino: 257 })).toBeNull();
  });
});

test("what was possible is kept from one ageing to the next but one", () => {
  const sink = new TraceSink({ rangesPerInodeMax: 8, rangesMax: 40, inodesMax: 4 });
  const id = { device: 39, root: 5, ino: 257 };
  sink.addPossible(39, 5, 257, 0, 4096);
  sink.agePossible();
  sink.addPossible(39, 5, 257, 8192, 8193);
  expect(sink.takePossible(id)?.ranges).toEqual([
    [0, 4096],
    [8192, 4096],
  ]);
  sink.addPossible(39, 5, 257, 0, 4096);
  sink.agePossible();
  sink.agePossible();
  expect(sink.takePossible(id)).toBeNull();
  // Too many to be kept: then every file is meant, until they have aged.
  for (let ino = 0; ino < 20; ino++) sink.addPossible(39, 5, ino, 0, 4096);
  expect(sink.takePossible(id)?.ranges).toBe("whole");
  sink.agePossible();
  expect(sink.takePossible(id)?.ranges).toBe("whole");
  sink.agePossible();
  expect(sink.takePossible(id)).toBeNull();
});

describe("formats", () => {
  test("ids, places and flags", () => {
    const format = goldenFormat("iomap_iter");
    expect(format).toMatchObject({ name: "iomap_iter", id: 1136 });
    expect([wordOf(format, "dev", 4), wordOf(format, "ino", 8), wordOf(format, "flags", 4)]).toEqual([2, 4, 11]);
    expect(bytesNeeded(format)).toBe(64);
    expect(["WRITE", "ZERO", "FAULT", "DIRECT", "DAX", "NONE"].map((name) => flagBit(format, name))).toEqual([1, 2, 8, 16, 256, 0]);
    expect(flagBit(goldenFormat("iomap_dio_complete"), "WRITE")).toBe(1 << 18);
    expect(flagBit(goldenFormat("ext4_punch_hole"), "PUNCH_HOLE")).toBe(2);
    expect(symbolValue(goldenFormat("btrfs_set_extent_bit"), "INODE_IO")).toBe(3);
  });

  test("a field that is missing, or of another size, is refused by name", () => {
    const format = goldenFormat("ext4_da_write_end");
    expect(() => wordOf(format, "position", 8)).toThrow(/ext4_da_write_end .* no field "position"/);
    expect(() => wordOf(format, "len", 8)).toThrow(/no field "len" of 8 bytes/);
    const moved = parseTraceFormat(goldenFormatText("ext4_da_write_end").replace("offset:16;", "offset:18;"));
    expect(() => wordOf(moved, "ino", 8)).toThrow(/no field "ino"/);
  });

  test.each(["", "name: x\n", "name: x\nID: 7\nformat:\n", "ID: 7\n\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;"])("not a format: %j", (text) => {
    expect(() => parseTraceFormat(text)).toThrow();
  });

  test("the bits of btrfs follow what the kernel prints", () => {
    const text = goldenFormatText("btrfs_set_extent_bit");
    expect(extentBits(parseTraceFormat(text))).toEqual({ delalloc: 32, locked: 2 });
    const middle = text.replace(/\{ EXTENT_DIRTY_LOG\d, "DIRTY_LOG\d"\}, /g, "");
    expect(extentBits(parseTraceFormat(middle))).toEqual({ delalloc: 24, locked: 2 });
    const old = middle.replace('"DIRTY"}', '"DIRTY"}, { EXTENT_UPTODATE, "UPTODATE"}');
    expect(extentBits(parseTraceFormat(old))).toEqual({ delalloc: 16, locked: 4 });
  });
});

describe("filters of the kernel", () => {
  const context = (volumes: readonly TraceVolume[]): DecodeContext => ({ ...(new GoldenDecoder(volumes) as unknown as DecodeContext), volumes });

  test("name each file system once, for its own events", () => {
    const both = context([EXT4, { ...XFS, device: 99 }, BTRFS]);
    const filterOf = (plans: ReturnType<typeof ext4Plans>, event: string): string | undefined =>
      plans.find((plan) => plan.event === event)?.filter(goldenFormat(event));
    expect(filterOf(ext4Plans(both), "ext4_da_write_end")).toBe("dev == 7340034");
    expect(filterOf(xfsPlans(both), "xfs_file_buffered_write")).toBe("dev == 99");
    expect(filterOf(btrfsPlans(both), "btrfs_set_extent_bit")).toBe("owner == 3 && set_bits & 32");
    expect(filterOf(btrfsPlans(both), "btrfs_clear_extent_bit")).toBe("owner == 3 && clear_bits == 2");
    expect(filterOf(iomapPlans(both), "iomap_dio_complete")).toBe("dev == 7340034 || dev == 99 || dev == 39");
    expect(filterOf(iomapPlans(both), "iomap_iter")).toBe(
      "((dev == 7340034 || dev == 39) && flags & 3) || ((dev == 99) && (flags & 2 || (flags & 1 && (flags & 8 || flags & 16 || flags & 256))))",
    );
    expect(dirtyFolioPlan(both, () => true).filter(goldenFormat("writeback_dirty_folio"))).toBe('name == "7:2" || name == "btrfs-243"');
    expect(mapCallPlan(both).filter(goldenFormat("sys_enter_mmap"))).toBe("prot & 2 && flags & 1 && fd < 2147483648");
  });
});

describe("stores through mappings", () => {
  /** A record of writeback_dirty_folio. */
  function folioRecord(name: string, ino: number, page: number): Uint32Array {
    const bytes = Buffer.alloc(56);
    bytes.write(name, 8, "latin1");
    bytes.writeBigUInt64LE(BigInt(ino), 40);
    bytes.writeBigUInt64LE(BigInt(page), 48);
    return new Uint32Array(new Uint8Array(bytes).buffer);
  }

  test.each<[number, readonly [number, number]]>([
    [37, [37 * 4096, 4096]],
    [38, [38 * 4096, 2 * 4096]],
    [512, [512 * 4096, 512 * 4096]],
    [0, [0, 2048 * 4096]],
    [8192, [8192 * 4096, 2048 * 4096]],
  ])("page %i stands for the largest piece of cache that can begin there", (page, range) => {
    const decoder = new GoldenDecoder([EXT4]);
    const plan = dirtyFolioPlan({ sink: decoder.sink, volumes: [EXT4] } as unknown as DecodeContext, (device, ino) => device === EXT4.device && ino === 12);
    const visit = plan.decoder(goldenFormat("writeback_dirty_folio"));
    for (const [name, ino] of [
      ["7:2", 12],
      ["7:2", 13],
      ["7:21", 12],
      ["17:2", 12],
    ] as const)
      visit(folioRecord(name, ino, page), 0, 56, 1);
    const taken = [...decoder.sink.dirty.take().values()];
    expect(taken.map((dirty) => [dirty.ino, dirty.ranges])).toEqual([[12, [range]]]);
  });
});
