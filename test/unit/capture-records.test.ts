import fc from "fast-check";
import { expect, test } from "vitest";
import { HandleCache } from "../../src/capture/handle-cache.js";
import { NameArena } from "../../src/capture/name-arena.js";
import { RecordIndex } from "../../src/capture/record-index.js";
import { RecordStore } from "../../src/capture/record-store.js";

function found(index: RecordIndex, hash: number): number[] {
  const records: number[] = [];
  for (let slot = index.first(hash); slot >= 0; slot = index.next(slot, hash)) records.push(index.recordAt(slot));
  return records.sort((a, b) => a - b);
}

test("an index finds the records of a hash, whatever was added and taken out", () => {
  // Hashes that begin in few neighbouring slots, and at the end of the table.
  const hash = fc.constantFrom(0, 1, 2, 63, 64, 127, 128, 0xffffffff, 0xffffffc0);
  const steps = fc.array(fc.tuple(fc.boolean(), hash, fc.integer({ min: 1, max: 200 })), { maxLength: 400 });
  fc.assert(
    fc.property(steps, (all) => {
      const index = new RecordIndex();
      const model = new Map<number, number>();
      for (const [isAdded, of, record] of all) {
        if (isAdded && !model.has(record)) {
          index.add(record, of);
          model.set(record, of);
        } else if (!isAdded) {
          index.remove(record, of);
          if (model.get(record) === of) model.delete(record);
        }
      }
      for (const of of [0, 1, 2, 3, 63, 64, 127, 128, 0xffffffff, 0xffffffc0]) {
        const expected = [...model].filter(([, at]) => at === of).map(([record]) => record);
        expect(found(index, of)).toEqual(expected.sort((a, b) => a - b));
      }
    }),
  );
});

test("records begin empty, keep their words, and numbers of released ones are used again", () => {
  const store = new RecordStore(4);
  const records = Array.from({ length: 10_000 }, () => store.allocate());
  for (const record of records) for (let field = 0; field < 4; field++) store.setWord(record, field, record + field);
  expect(records.every((record) => store.word(record, 3) === record + 3)).toBe(true);
  const released = [records[5], records[5000], records[9999]] as number[];
  for (const record of released) store.release(record);
  const again = [store.allocate(), store.allocate(), store.allocate()];
  expect([...again].sort((a, b) => a - b)).toEqual(released);
  for (const record of again) expect([0, 1, 2, 3].map((field) => store.word(record, field))).toEqual([0, 0, 0, 0]);
  expect(store.allocate()).toBe(10_001);
});

test("an arena keeps names of all lengths apart, and says when most of it is of dropped ones", () => {
  const arena = new NameArena();
  const texts = Array.from({ length: 3000 }, (_, i) => `${i}`.padStart(1 + (i % 255), "\xfe").slice(-255));
  const names = texts.map((text) => arena.add(Buffer.from(text, "latin1"), text.length));
  expect(names.map((name) => arena.text(name))).toEqual(texts);
  expect(texts.every((text, i) => arena.equals(names[i] as number, Buffer.from(text, "latin1"), text.length))).toBe(true);
  expect(arena.equals(names[300] as number, Buffer.from(texts[301] as string, "latin1"), (texts[300] as string).length)).toBe(false);
  expect(arena.isMostlyWaste).toBe(false);
  const long = Buffer.alloc(255);
  for (let i = 0; i < 6000; i++) arena.drop(arena.add(long, 255));
  expect(arena.isMostlyWaste).toBe(true);
});

test("an object that is held is the one object of its record, until the record is released", () => {
  const cache = new HandleCache((record) => ({ record }));
  const held = cache.of(1);
  for (let record = 2; record < 50_000; record++) cache.of(record);
  expect(cache.of(1)).toBe(held);
  expect(cache.release(1)).toBe(held);
  expect(cache.release(1)).toBeUndefined();
  expect(cache.of(1)).not.toBe(held);
});
