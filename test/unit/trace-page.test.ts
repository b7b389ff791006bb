import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseTracePage } from "../../src/capture/trace-page.js";
import { goldenFormat, goldenPage } from "../support/trace-golden.js";

const PAGE_WORDS = 1024;
const START_NS = 5_000_000_000;

/** A page of these data words. */
function pageOf(data: readonly number[], flags = 0): Uint32Array {
  const words = new Uint32Array(PAGE_WORDS);
  words[0] = START_NS % 2 ** 32;
  words[1] = Math.floor(START_NS / 2 ** 32);
  words[2] = (data.length * 4) | flags;
  words.set(data, 4);
  return words;
}

function visits(words: Uint32Array, bytes = words.byteLength): { readonly records: number[][]; readonly page: ReturnType<typeof parseTracePage> } {
  const records: number[][] = [];
  const page = parseTracePage(words, bytes, (all, at, length, timeNs) => records.push([all[at] ?? -1, length, timeNs - START_NS]));
  return { records, page };
}

const header = (type: number, time: number): number => (type | (time << 5)) >>> 0;

describe("pages of a kernel", () => {
  test("records, and the time that passed between them", () => {
    const ids: number[] = [];
    const times: number[] = [];
    const page = parseTracePage(goldenPage("ext4"), 4096, (words, at, _bytes, timeNs) => {
      ids.push((words[at] ?? 0) & 0xffff);
      times.push(timeNs);
    });
    expect(page).toEqual({ records: 16, lost: 0, lastNs: 20_024_572_559_516, isCorrupt: false });
    const names = new Map(["ext4_da_write_end", "iomap_iter", "iomap_dio_complete", "ext4_punch_hole"].map((name) => [goldenFormat(name).id, name]));
    expect(ids.slice(0, 6).map((id) => names.get(id))).toEqual([
      ...["ext4_da_write_end", "ext4_da_write_end", "iomap_iter", "iomap_iter", "iomap_dio_complete", "iomap_iter"],
    ]);
    // 0.3 s: more than a record header can hold.
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBe(300_143_843);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test("the number of lost records stands behind the data", () => {
    const { page, records } = visits(goldenPage("lost"));
    expect(page).toMatchObject({ records: 92, lost: 368, isCorrupt: false });
    expect(records).toHaveLength(92);
  });
});

describe("each kind of record", () => {
  test("small and large payloads", () => {
    const { records, page } = visits(pageOf([header(2, 7), 11, 12, header(0, 5), 12, 21, 22]));
    expect(records).toEqual([
      [11, 8, 7],
      [21, 8, 12],
    ]);
    expect(page).toEqual({ records: 2, lost: 0, lastNs: START_NS + 12, isCorrupt: false });
  });

  test("time extension, absolute time", () => {
    const { records } = visits(pageOf([header(30, 1), 2, header(1, 3), 9, header(31, 5), 40, header(1, 0), 8]));
    expect(records).toEqual([
      [9, 4, 2 * 2 ** 27 + 4],
      [8, 4, 40 * 2 ** 27 + 5 - START_NS],
    ]);
  });

  test("a record taken back, and the end of the page", () => {
    const { records, page } = visits(pageOf([header(29, 1), 8, 0, header(1, 2), 7, header(29, 0), 0, 0]));
    expect(records).toEqual([[7, 4, 2]]);
    expect(page.isCorrupt).toBe(false);
  });

  test("lost records without a number count as one", () => {
    expect(visits(pageOf([header(1, 0), 7], 0x80000000)).page).toMatchObject({ lost: 1, records: 1 });
  });

  test("an empty page", () => {
    expect(visits(pageOf([])).page).toEqual({ records: 0, lost: 0, lastNs: 0, isCorrupt: false });
  });
});

describe("what is not a page", () => {
  test.each<[string, Uint32Array, number]>([
    ["shorter than its header", new Uint32Array(2), 8],
    ["more data than was read", pageOf([header(1, 0), 7]), 20],
    ["a size that is no multiple of a word", pageOf([header(1, 0), 7], 2), 4096],
    ["a record behind the end", pageOf([header(3, 0), 7]), 4096],
    ["a length behind the end", pageOf([header(0, 0), 4000, 7]), 4096],
    ["a length of nothing", pageOf([header(0, 0), 0, 7]), 4096],
    ["a length word that is cut off", pageOf([header(0, 0)]), 4096],
    ["a time word that is cut off", pageOf([header(30, 0)]), 4096],
  ])("%s", (_, words, bytes) => {
    const { page, records } = visits(words, bytes);
    expect(page.isCorrupt).toBe(true);
    expect(records).toEqual([]);
  });

  test("any bytes, and golden pages with any bytes changed or cut off: no record reaches beyond the data", () => {
    const names = ["ext4", "xfs", "btrfs", "lost"] as const;
    const changed = fc
      .tuple(fc.constantFrom(...names), fc.array(fc.tuple(fc.nat(PAGE_WORDS - 1), fc.integer({ min: 0, max: 0xffffffff })), { maxLength: 6 }), fc.nat(4096))
      .map(([name, changes, bytes]): [Uint32Array, number] => {
        const words = goldenPage(name);
        for (const [at, value] of changes) words[at] = value;
        return [words, bytes];
      });
    const random = fc.uint32Array({ minLength: 0, maxLength: 64 }).map((words): [Uint32Array, number] => [words, words.byteLength]);
    fc.assert(
      fc.property(fc.oneof(changed, random), ([words, bytes]) => {
        const end = Math.min(bytes >>> 2, words.length);
        let records = 0;
        const page = parseTracePage(words, bytes, (_all, at, length) => {
          records++;
          expect(at).toBeGreaterThanOrEqual(4);
          expect(length).toBeGreaterThanOrEqual(0);
          expect(at + length / 4).toBeLessThanOrEqual(end);
        });
        expect(page.records).toBe(records);
        expect(page.lost).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });
});
