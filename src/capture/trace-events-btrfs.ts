// The events of btrfs. Bytes are written page by page, and each page is reported after the copy, when it is marked for
// later allocation (DELALLOC). Whatever replaces extents without writing pages (clones, punched and zeroed ranges) only
// locks the range, as reading and writing back do; when the range is unlocked, the effect can be read. Such ranges are
// kept apart as *possible*: only together with a modify hint of the inode are they news.

import { END_OF_FILE } from "./range-table.js";
import { type DecodeContext, THREAD_WORD, type TraceEventPlan } from "./trace-events.js";
import { hasFlag, symbolValue, type TraceFormat, wordOf } from "./trace-format.js";
import { type VisitRecord, wide, word } from "./trace-page.js";

interface ExtentBits {
  readonly delalloc: number;
  readonly locked: number;
}

const INODE_IO = 3;
/** A lock up to the last byte there can be: the file is cut. */
const LENGTH_OF_CUT = 2 ** 63;

/**
 * Numbers of the bits, which the kernel prints by name only. They moved when UPTODATE went and when DIRTY_LOG1 came; in
 * between, DIO_LOCKED came without being printed, so both numbers are taken for DELALLOC then: NEW and DEFRAG, which are
 * the other one, are not set on ranges of files, or change no byte of them.
 */
export function extentBits(format: TraceFormat): ExtentBits {
  if (hasFlag(format, "DIRTY_LOG1")) return { delalloc: 1 << 5, locked: 1 << 1 };
  if (hasFlag(format, "UPTODATE")) return { delalloc: 1 << 4, locked: 1 << 2 };
  return { delalloc: (1 << 3) | (1 << 4), locked: 1 << 1 };
}

interface ExtentRecord {
  readonly device: number;
  readonly root: number;
  readonly ino: number;
  readonly start: number;
  readonly length: number;
}

/** Reads the record at `at` when it is of a file of a watched file system. */
function extentReader({ volumes }: DecodeContext, format: TraceFormat): (words: Uint32Array, at: number) => ExtentRecord | null {
  const [fsid, owner, ino] = [wordOf(format, "fsid", 16), wordOf(format, "owner", 4), wordOf(format, "ino", 8)];
  const [rootid, start, len] = [wordOf(format, "rootid", 8), wordOf(format, "start", 8), wordOf(format, "len", 8)];
  const inodeIo = symbolValue(format, "INODE_IO") ?? INODE_IO;
  const known = volumes.filter(({ kind }) => kind === "btrfs").map(({ device, id }) => ({ device, id: idWords(id) }));
  return (words, at) => {
    if (word(words, at + owner) !== inodeIo) return null;
    const first = at + fsid;
    for (const { device, id } of known) {
      if (id[0] !== word(words, first) || id[1] !== word(words, first + 1) || id[2] !== word(words, first + 2) || id[3] !== word(words, first + 3)) continue;
      return { device, root: wide(words, at + rootid), ino: wide(words, at + ino), start: wide(words, at + start), length: wide(words, at + len) };
    }
    return null;
  };
}

function idWords(id: string): readonly number[] {
  const bytes = Buffer.from(id, "hex");
  return [0, 4, 8, 12].map((offset) => bytes.readUInt32LE(offset));
}

function setDecoder(context: DecodeContext, format: TraceFormat): VisitRecord {
  const read = extentReader(context, format);
  const bitsWord = wordOf(format, "set_bits", 4);
  const { delalloc } = extentBits(format);
  return (words, at, _bytes, timeNs) => {
    if ((word(words, at + bitsWord) & delalloc) === 0) return;
    const record = read(words, at);
    if (record === null) return;
    const { device, root, ino, start, length } = record;
    context.sink.addRoot(device, root);
    context.sink.write(device, root, ino, start, start + length, word(words, at + THREAD_WORD), timeNs);
  };
}

function clearDecoder(context: DecodeContext, format: TraceFormat): VisitRecord {
  const read = extentReader(context, format);
  const bitsWord = wordOf(format, "clear_bits", 4);
  const { locked } = extentBits(format);
  return (words, at, _bytes, timeNs) => {
    if (word(words, at + bitsWord) !== locked) return;
    const record = read(words, at);
    if (record === null) return;
    const { device, root, ino, start, length } = record;
    context.sink.addRoot(device, root);
    // The kernel counts the length of the whole range in 64 bits, where it is 0.
    const isCut = length === 0 || length >= LENGTH_OF_CUT;
    if (isCut) context.sink.write(device, root, ino, start, END_OF_FILE, word(words, at + THREAD_WORD), timeNs);
    else context.sink.addPossible(device, root, ino, start, start + length);
  };
}

export function btrfsPlans(context: DecodeContext): TraceEventPlan[] {
  const owner = (format: TraceFormat): string => `owner == ${symbolValue(format, "INODE_IO") ?? INODE_IO}`;
  return [
    {
      system: "btrfs",
      event: "btrfs_set_extent_bit",
      filter: (format) => `${owner(format)} && set_bits & ${extentBits(format).delalloc}`,
      blindSpot: null,
      decoder: (format) => setDecoder(context, format),
    },
    {
      system: "btrfs",
      event: "btrfs_clear_extent_bit",
      filter: (format) => `${owner(format)} && clear_bits == ${extentBits(format).locked}`,
      blindSpot: null,
      decoder: (format) => clearDecoder(context, format),
    },
  ];
}
