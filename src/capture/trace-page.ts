// Parses one sub-buffer of the kernel's trace ring buffer as read from trace_pipe_raw. Pure, and safe on any bytes: what
// is not well formed ends the page and is said so, because the records behind it are lost.
//
// Layout (little endian, 64 bit):
//   u64 time of the first record, ns | u64 commit: bits 0-19 bytes of data, bit 31 records were lost before this page,
//   bit 30 their number stands as a u64 behind the data | data
// Data is a row of records, each with a header word: type = header & 31, time since the record before = header >>> 5
//   1-28  payload of type * 4 bytes          0   payload; its length + 4 in the next word
//   29    padding: time 0 = the page ends here, else a record taken back, length in the next word
//   30    time passed: the next word holds the upper bits of the time since the record before
//   31    absolute time: as 30, but the time itself (59 bits)

/** Time and commit word before the data. */
export const PAGE_HEADER_BYTES = 16;

const COMMIT_WORD = 2;
const DATA_WORD = PAGE_HEADER_BYTES / 4;
const SIZE_MASK = 0xfffff;
const MISSED = 0x80000000;
const MISSED_STORED = 0x40000000;
const TYPE_PADDING = 29;
const TYPE_TIME_EXTEND = 30;
const TYPE_TIME_STAMP = 31;
const TIME_EXTEND = 2 ** 27;
const STAMP_SPAN = 2 ** 59;
const TWO32 = 2 ** 32;

export interface TracePage {
  records: number;
  /** Records lost before this page; at least 1 when some were but the kernel did not say how many. */
  lost: number;
  /** Time of the last record, ns; 0 for a page without one. */
  lastNs: number;
  /** The bytes are not those of a page; what was behind the defect is not known. */
  isCorrupt: boolean;
}

/** `at`: index of the first word of the payload; `bytes`: its length. */
export type VisitRecord = (words: Uint32Array, at: number, bytes: number, timeNs: number) => void;

export const word = (words: Uint32Array, index: number): number => words[index] as number;

/** Exact below 2^53; of what lies above, the kernel counts nothing that files have. */
export const wide = (words: Uint32Array, index: number): number => word(words, index) + word(words, index + 1) * TWO32;

export const signedWord = (words: Uint32Array, index: number): number => word(words, index) | 0;

export const signedWide = (words: Uint32Array, index: number): number => word(words, index) + signedWord(words, index + 1) * TWO32;

/** `bytes`: how much of `words` was read. Calls `visit` for each record, in the order of the page. */
export function parseTracePage(words: Uint32Array, bytes: number, visit: VisitRecord): TracePage {
  const page: TracePage = { records: 0, lost: 0, lastNs: 0, isCorrupt: false };
  const wordsRead = Math.min(words.length, bytes >>> 2);
  if (wordsRead < DATA_WORD) return { ...page, isCorrupt: true };
  const commit = word(words, COMMIT_WORD);
  const size = commit & SIZE_MASK;
  const end = DATA_WORD + (size >>> 2);
  if ((commit & MISSED) !== 0) page.lost = readLost(words, wordsRead, commit, end);
  if (size % 4 !== 0 || end > wordsRead) return { ...page, isCorrupt: true };
  parseRecords(words, end, visit, page);
  return page;
}

function readLost(words: Uint32Array, wordsRead: number, commit: number, at: number): number {
  if ((commit & MISSED_STORED) === 0 || at + 2 > wordsRead) return 1;
  return Math.max(1, wide(words, at));
}

function parseRecords(words: Uint32Array, end: number, visit: VisitRecord, page: TracePage): void {
  const startNs = wide(words, 0);
  let timeNs = startNs;
  let at = DATA_WORD;
  while (at < end) {
    const header = word(words, at);
    const type = header & 31;
    const time = header >>> 5;
    if (type === TYPE_PADDING && time === 0) return;
    const hasLengthWord = type === 0 || type >= TYPE_PADDING;
    if (hasLengthWord && at + 2 > end) break;
    if (type === TYPE_TIME_EXTEND) {
      timeNs += time + word(words, at + 1) * TIME_EXTEND;
      at += 2;
      continue;
    }
    if (type === TYPE_TIME_STAMP) {
      timeNs = Math.floor(startNs / STAMP_SPAN) * STAMP_SPAN + time + word(words, at + 1) * TIME_EXTEND;
      at += 2;
      continue;
    }
    const length = hasLengthWord ? word(words, at + 1) : type * 4 + 4;
    const payload = at + (type === 0 ? 2 : 1);
    const next = at + 1 + (hasLengthWord ? length >>> 2 : type);
    if (length < 4 || length % 4 !== 0 || next > end) break;
    at = next;
    if (type === TYPE_PADDING) continue;
    timeNs += time;
    page.records++;
    page.lastNs = timeNs;
    visit(words, payload, (next - payload) * 4, timeNs);
  }
  page.isCorrupt = at < end;
}
