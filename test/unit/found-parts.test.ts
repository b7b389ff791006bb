// What a receiver has of a file takes a bounded amount of memory to know.

import { expect, test } from "vitest";
import { FoundParts, PARTS_MAX } from "../../src/capture/found-parts.js";

const BYTES = 2048;

test("of more parts than may be known the others are gaps", () => {
  const parts = new FoundParts();
  // The same block each time: none goes on with the one before.
  for (let i = 0; i < PARTS_MAX + 5; i++) parts.add(i * BYTES, BYTES, 0);
  expect(parts.list.length).toBe(PARTS_MAX);
  parts.add(PARTS_MAX * BYTES, BYTES, BYTES);
  expect(parts.list.at(-1)).toEqual({ at: (PARTS_MAX - 1) * BYTES, length: 2 * BYTES, from: 0 });
  expect(parts.gaps((PARTS_MAX + 5) * BYTES)).toEqual([{ extent: [(PARTS_MAX + 1) * BYTES, 4 * BYTES], expected: 2 * BYTES }]);
});
