// Events about stores through mappings, which go past the file system: a process maps a file shared and writable; a page
// of the cache becomes dirty. The second is a hint only: it names the first page of a piece of cache (folio) whose size is
// not told, and does not come again until that piece was written to the disk (mapped-files.ts).

import { MARK_MAPPED, PAGE_BYTES } from "./range-table.js";
import { type DecodeContext, THREAD_WORD, type TraceEventPlan } from "./trace-events.js";
import { type TraceFormat, wordOf } from "./trace-format.js";
import { type VisitRecord, wide, word } from "./trace-page.js";
import type { TraceVolume } from "./trace-volume.js";

const PROT_WRITE = 2;
const MAP_SHARED = 1;
/** Of the field `name`, zero bytes at its end. */
const NAME_BYTES = 32;
/** No piece of cache is larger; it lies at a multiple of its size. */
const FOLIO_PAGES_MAX = 2048;

export function mapCallPlan({ sink }: DecodeContext): TraceEventPlan {
  return {
    system: "syscalls",
    event: "sys_enter_mmap",
    // No descriptor (-1) is a large number here.
    filter: () => `prot & ${PROT_WRITE} && flags & ${MAP_SHARED} && fd < 2147483648`,
    blindSpot: "files that a process maps from now on are found by the next look at /proc only",
    decoder: (format) => {
      const fd = wordOf(format, "fd", 8);
      return (words, at) => sink.addMapCall({ pid: word(words, at + THREAD_WORD), fd: wide(words, at + fd) });
    },
  };
}

/** `isMapped`: whether stores into this inode of this device are to be told. */
export function dirtyFolioPlan({ sink, volumes }: DecodeContext, isMapped: (device: number, ino: number) => boolean): TraceEventPlan {
  const named = volumes.filter(({ bdi }) => bdi !== "" && Buffer.byteLength(bdi) < NAME_BYTES);
  return {
    system: "writeback",
    event: "writeback_dirty_folio",
    filter: () => [...new Set(named.map(({ bdi }) => `name == "${bdi}"`))].join(" || "),
    blindSpot: "stores through mappings are seen only when the file is closed",
    decoder: (format) =>
      dirtyFolioDecoder(named, format, (device, ino, page, thread, timeNs) => {
        if (!isMapped(device, ino)) return;
        const pages = Math.min(FOLIO_PAGES_MAX, page === 0 ? FOLIO_PAGES_MAX : lowestBit(page));
        for (const root of sink.rootsOf(device)) sink.write(device, root, ino, page * PAGE_BYTES, (page + pages) * PAGE_BYTES, thread, timeNs, MARK_MAPPED);
      }),
  };
}

type FolioListener = (device: number, ino: number, page: number, thread: number, timeNs: number) => void;

function dirtyFolioDecoder(volumes: readonly TraceVolume[], format: TraceFormat, listener: FolioListener): VisitRecord {
  const [name, ino, index] = [wordOf(format, "name", NAME_BYTES), wordOf(format, "ino", 8), wordOf(format, "index", 8)];
  const names = volumes.map(({ bdi, device }) => ({ device, words: nameWords(bdi) }));
  return (words, at, _bytes, timeNs) => {
    for (const known of names) {
      // Partitions of one disk share its name: the inode number is a hint on each of them.
      if (!known.words.every((expected, i) => word(words, at + name + i) === expected)) continue;
      listener(known.device, wide(words, at + ino), wide(words, at + index), word(words, at + THREAD_WORD), timeNs);
    }
  };
}

/** The name with the zero byte behind it: what follows in a record is not defined. */
function nameWords(bdi: string): readonly number[] {
  const bytes = Buffer.alloc(NAME_BYTES);
  bytes.write(bdi, "latin1");
  const count = Math.floor(bdi.length / 4) + 1;
  return Array.from({ length: count }, (_, i) => bytes.readUInt32LE(i * 4));
}

function lowestBit(value: number): number {
  let bit = 1;
  while (bit < FOLIO_PAGES_MAX && value % (bit * 2) === 0) bit *= 2;
  return bit;
}
