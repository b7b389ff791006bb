// Keys by which jobs tell inodes apart: different for different ones, and the inode is found by them again.

import { expect, test } from "vitest";
import { inodeKey, inodeOfKey } from "../../src/capture/inode-key.js";

test("inodes of many devices, with numbers of any size, have keys of their own", () => {
  const inodes = Array.from({ length: 600 }, (_, dev) => [0, 1, 2 ** 32 + 1, 2 ** 44 - 1, 2 ** 44, 2 ** 53 - 1].map((ino) => ({ dev, ino }))).flat();
  const keys = inodes.map(inodeKey);
  expect(new Set(keys.map(String)).size).toBe(inodes.length);
  expect(keys.map(inodeOfKey)).toEqual(inodes);
  expect(inodes.map(inodeKey)).toEqual(keys);
  expect(new Set(keys.map((key) => typeof key))).toEqual(new Set(["number", "string"]));
});
