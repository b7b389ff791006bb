// Which trace events tell that bytes of a file changed, and what their records say. One list for the file systems that
// are watched; a decoder is made of the `format` file of the running kernel (trace-format.ts).
//
// "After the effect": whoever reads once the event is in hand reads the new bytes. Where an event comes before, the
// inode is marked MARK_UNSETTLED: the writer holds the inode's lock, and `waitForWriters` outwaits it. The file's size
// may follow its bytes by a moment on every file system: a range that ends behind the size is unsettled, too.

import type { IomapTracker } from "./iomap-tracker.js";
import { END_OF_FILE, MARK_UNSETTLED } from "./range-table.js";
import { flagBit, type TraceFormat, wordOf } from "./trace-format.js";
import { signedWide, signedWord, type VisitRecord, wide, word } from "./trace-page.js";
import type { TraceSink } from "./trace-sink.js";
import type { TraceVolume } from "./trace-volume.js";

export interface TraceEventPlan {
  /** As in events/<system>/<event>. */
  readonly system: string;
  readonly event: string;
  /** Applied by the kernel before a record is made; "" = none. */
  filter(format: TraceFormat): string;
  /** A sentence on what is not seen without it; null = it cannot be done without. */
  readonly blindSpot: string | null;
  decoder(format: TraceFormat): VisitRecord;
}

export interface DecodeContext {
  readonly sink: TraceSink;
  readonly iomap: IomapTracker;
  readonly volumes: readonly TraceVolume[];
}

type Decoder = (format: TraceFormat) => VisitRecord;

/** Words of every record: 0 id, flags and preemption count, 1 the thread that wrote it. */
export const THREAD_WORD = 1;

/** Bits of iomap's flags; a kernel without one of the later ones never sets it. */
interface IomapBits {
  readonly write: number;
  readonly zero: number;
  readonly fault: number;
  readonly direct: number;
  readonly dax: number;
}

export function deviceFilter(volumes: readonly TraceVolume[]): string {
  return volumes.map(({ device }) => `dev == ${device}`).join(" || ");
}

export function devicesOf(volumes: readonly TraceVolume[]): ReadonlySet<number> {
  return new Set(volumes.map(({ device }) => device));
}

export function ext4Plans({ sink, volumes: all }: DecodeContext): TraceEventPlan[] {
  const volumes = all.filter(({ kind }) => kind === "ext4");
  const devices = devicesOf(volumes);
  const filter = deviceFilter(volumes);
  const plan = (event: string, decoder: Decoder): TraceEventPlan => ({ system: "ext4", event, filter: () => filter, blindSpot: null, decoder });

  // After the copy into the page cache, under the lock of the folio.
  const writeEnd = (format: TraceFormat): VisitRecord => {
    const [dev, ino, pos] = [wordOf(format, "dev", 4), wordOf(format, "ino", 8), wordOf(format, "pos", 8)];
    const [len, copied] = [wordOf(format, "len", 4), wordOf(format, "copied", 4)];
    return (words, at, _bytes, timeNs) => {
      const device = word(words, at + dev);
      if (!devices.has(device)) return;
      const start = signedWide(words, at + pos);
      const end = start + Math.max(word(words, at + len), word(words, at + copied));
      sink.write(device, 0, wide(words, at + ino), start, end, word(words, at + THREAD_WORD), timeNs);
    };
  };
  // Before the effect, under the lock of the inode. `toEnd`: what lies behind moves.
  const space =
    (toEnd: boolean) =>
    (format: TraceFormat): VisitRecord => {
      const [dev, ino, offset, len] = [wordOf(format, "dev", 4), wordOf(format, "ino", 8), wordOf(format, "offset", 8), wordOf(format, "len", 8)];
      return (words, at, _bytes, timeNs) => {
        const device = word(words, at + dev);
        if (!devices.has(device)) return;
        const start = signedWide(words, at + offset);
        const end = toEnd ? END_OF_FILE : start + signedWide(words, at + len);
        sink.write(device, 0, wide(words, at + ino), start, end, word(words, at + THREAD_WORD), timeNs, MARK_UNSETTLED);
      };
    };
  return [
    plan("ext4_da_write_end", writeEnd),
    plan("ext4_write_end", writeEnd),
    plan("ext4_journalled_write_end", writeEnd),
    plan("ext4_punch_hole", space(false)),
    plan("ext4_zero_range", space(false)),
    plan("ext4_collapse_range", space(true)),
    plan("ext4_insert_range", space(true)),
    ...ext4CutPlans({ sink, devices, volumes, plan }),
  ];
}

interface CutContext {
  readonly sink: TraceSink;
  readonly devices: ReadonlySet<number>;
  readonly volumes: readonly TraceVolume[];
  plan(event: string, decoder: Decoder): TraceEventPlan;
}

/**
 * A cut says which inode when it begins, and from which block when it removes extents; an inode without extents (of ext3
 * times, or with its data inline) never says from where, and is compared as a whole.
 */
function ext4CutPlans({ sink, devices, volumes, plan }: CutContext): TraceEventPlan[] {
  const blockBytes = new Map(volumes.map((volume) => [volume.device, volume.blockBytes]));
  // Number of the last block of a file; an older kernel counts one more.
  const lastBlockMin = 0xfffffffe;
  return [
    plan("ext4_truncate_enter", (format) => {
      const [dev, ino] = [wordOf(format, "dev", 4), wordOf(format, "ino", 8)];
      return (words, at, _bytes, timeNs) => {
        const device = word(words, at + dev);
        if (!devices.has(device)) return;
        const inode = wide(words, at + ino);
        sink.dirty.addCut(device, 0, inode, 1);
        // Nothing yet but the name of who cut it.
        sink.write(device, 0, inode, 0, 0, word(words, at + THREAD_WORD), timeNs);
      };
    }),
    plan("ext4_ext_remove_space", (format) => {
      const [dev, ino, first, last] = [wordOf(format, "dev", 4), wordOf(format, "ino", 8), wordOf(format, "start", 4), wordOf(format, "end", 4)];
      return (words, at, _bytes, timeNs) => {
        const device = word(words, at + dev);
        const bytes = blockBytes.get(device);
        if (bytes === undefined) return;
        const isCut = word(words, at + last) >= lastBlockMin;
        const inode = wide(words, at + ino);
        if (isCut) sink.dirty.addCut(device, 0, inode, -1);
        // The block before is zeroed from the cut on.
        const start = Math.max(0, word(words, at + first) - 1) * bytes;
        const end = isCut ? END_OF_FILE : (word(words, at + last) + 1) * bytes;
        sink.write(device, 0, inode, start, end, word(words, at + THREAD_WORD), timeNs, isCut ? 0 : MARK_UNSETTLED);
      };
    }),
  ];
}

function iomapStep({ iomap, volumes }: DecodeContext, format: TraceFormat): VisitRecord {
  const devices = devicesOf(volumes);
  const copies = devicesOf(volumes.filter(({ kind }) => kind === "ext4"));
  const [dev, ino, pos] = [wordOf(format, "dev", 4), wordOf(format, "ino", 8), wordOf(format, "pos", 8)];
  const [length, flags] = [wordOf(format, "length", 8), wordOf(format, "flags", 4)];
  const bits = iomapBits(format);
  return (words, at, _bytes, timeNs) => {
    const device = word(words, at + dev);
    const what = devices.has(device) ? stepKind(word(words, at + flags), bits, copies.has(device)) : null;
    if (what === null) return;
    iomap.push({
      kind: "step",
      what,
      timeNs,
      thread: word(words, at + THREAD_WORD),
      device,
      ino: wide(words, at + ino),
      pos: signedWide(words, at + pos),
      length: wide(words, at + length),
    });
  };
}

function iomapBits(format: TraceFormat): IomapBits {
  return {
    write: flagBit(format, "WRITE"),
    zero: flagBit(format, "ZERO"),
    fault: flagBit(format, "FAULT"),
    direct: flagBit(format, "DIRECT"),
    dax: flagBit(format, "DAX"),
  };
}

/** `isCopy`: a plain write through iomap is not reported by an event of the file system itself. */
function stepKind(flags: number, bits: IomapBits, isCopy: boolean): "direct" | "zero" | "fault" | "copy" | null {
  if ((flags & bits.zero) !== 0) return "zero";
  if ((flags & bits.write) === 0) return null;
  if ((flags & bits.direct) !== 0) return "direct";
  if ((flags & bits.fault) !== 0) return "fault";
  return isCopy || (flags & bits.dax) !== 0 ? "copy" : null;
}

function iomapEnd({ iomap, volumes }: DecodeContext, format: TraceFormat): VisitRecord {
  const devices = devicesOf(volumes);
  const [dev, ino, pos] = [wordOf(format, "dev", 4), wordOf(format, "ino", 8), wordOf(format, "pos", 8)];
  const [flags, result, error] = [wordOf(format, "ki_flags", 4), wordOf(format, "ret", 8), wordOf(format, "error", 4)];
  const isWrite = flagBit(format, "WRITE");
  const aio = wordOf(format, "aio", 1);
  return (words, at, _bytes, timeNs) => {
    const device = word(words, at + dev);
    if (!devices.has(device)) return;
    const failure = signedWord(words, at + error);
    iomap.push({
      kind: "end",
      timeNs,
      thread: word(words, at + THREAD_WORD),
      device,
      ino: wide(words, at + ino),
      pos: signedWide(words, at + pos),
      result: failure < 0 ? failure : signedWide(words, at + result),
      isAsync: (word(words, at + aio) & 0xff) !== 0,
      isWrite: (word(words, at + flags) & isWrite) !== 0,
    });
  };
}

/** Direct writes of all three file systems, and what xfs does through the same layer. */
export function iomapPlans(context: DecodeContext): TraceEventPlan[] {
  const xfs = deviceFilter(context.volumes.filter(({ kind }) => kind === "xfs"));
  const others = deviceFilter(context.volumes.filter(({ kind }) => kind !== "xfs"));
  // WRITE 1, ZERO 2, FAULT 8, DIRECT 16, DAX 256: bits that no kernel has changed; the decoder takes them from its format.
  // xfs tells of its plain writes by an event of its own, once per call.
  const steps: string[] = [];
  if (others !== "") steps.push(`((${others}) && flags & 3)`);
  if (xfs !== "") steps.push(`((${xfs}) && (flags & 2 || (flags & 1 && (flags & 8 || flags & 16 || flags & 256))))`);
  const devices = deviceFilter(context.volumes);
  return [
    {
      system: "iomap",
      event: "iomap_iter",
      filter: () => steps.join(" || "),
      blindSpot: null,
      decoder: (format) => iomapStep(context, format),
    },
    { system: "iomap", event: "iomap_dio_complete", filter: () => devices, blindSpot: null, decoder: (format) => iomapEnd(context, format) },
  ];
}
