// The events of xfs. Almost all come before their effect, under the lock of the inode; a read(2) takes that lock, too, so
// that bytes are always read after the write that an event told of. The size is not: hence MARK_UNSETTLED.
//
// Zeroing (also that of a punched range, and of what a file grows by) and direct writes come from iomap: trace-events.ts.

import { END_OF_FILE, MARK_UNSETTLED } from "./range-table.js";
import { type DecodeContext, deviceFilter, devicesOf, THREAD_WORD, type TraceEventPlan } from "./trace-events.js";
import { type TraceFormat, wordOf } from "./trace-format.js";
import { signedWide, type VisitRecord, wide, word } from "./trace-page.js";

type Decoder = (format: TraceFormat) => VisitRecord;

export function xfsPlans({ sink, volumes: all }: DecodeContext): TraceEventPlan[] {
  const volumes = all.filter(({ kind }) => kind === "xfs");
  const devices = devicesOf(volumes);
  const filter = deviceFilter(volumes);
  const plan = (event: string, blindSpot: string | null, decoder: Decoder): TraceEventPlan => ({
    system: "xfs",
    event,
    filter: () => filter,
    blindSpot,
    decoder,
  });

  /** A range of one inode, named by the fields given; no `length` = to the end of the file. */
  const range =
    (inoField: string, offsetField: string, lengthField: string | null): Decoder =>
    (format) => {
      const [dev, ino, offset] = [wordOf(format, "dev", 4), wordOf(format, inoField, 8), wordOf(format, offsetField, 8)];
      const length = lengthField === null ? -1 : wordOf(format, lengthField, 8);
      return (words, at, _bytes, timeNs) => {
        const device = word(words, at + dev);
        if (!devices.has(device)) return;
        const start = signedWide(words, at + offset);
        // A clone of length 0 means: up to the end of the file it comes from.
        const bytes = length < 0 ? 0 : signedWide(words, at + length);
        sink.write(device, 0, wide(words, at + ino), start, bytes > 0 ? start + bytes : END_OF_FILE, word(words, at + THREAD_WORD), timeNs, MARK_UNSETTLED);
      };
    };
  const whole =
    (...inoFields: string[]): Decoder =>
    (format) => {
      const dev = wordOf(format, "dev", 4);
      const inodes = inoFields.map((field) => wordOf(format, field, 8));
      return (words, at, _bytes, timeNs) => {
        const device = word(words, at + dev);
        if (!devices.has(device)) return;
        for (const ino of inodes) sink.writeWhole(device, 0, wide(words, at + ino), word(words, at + THREAD_WORD), timeNs, MARK_UNSETTLED);
      };
    };

  return [
    plan("xfs_file_buffered_write", null, range("ino", "offset", "count")),
    plan("xfs_file_dax_write", "writes to persistent memory (dax) are seen by their modify hint only", range("ino", "offset", "count")),
    // From the new end on; also when space behind the end is given back, which changes nothing that can be read.
    plan("xfs_itruncate_extents_start", null, range("ino", "new_size", null)),
    plan("xfs_reflink_remap_range", "cloned ranges are seen by their modify hint only", range("dest_ino", "dest_offset", "len")),
    plan("xfs_collapse_file_space", null, whole("ino")),
    plan("xfs_insert_file_space", null, whole("ino")),
    plan("xfs_exchrange_mappings", "exchanged ranges are seen by their modify hint only", whole("ip1_ino", "ip2_ino")),
    plan("xfs_swap_extent_before", "exchanged extents are seen by their modify hint only", whole("ino")),
  ];
}
