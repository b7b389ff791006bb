import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { nextData } from "../../src/capture/content-reader.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MIB = 1024 * 1024;
let fd: number;

beforeEach(() => {
  fd = openSync(join(makeTempDirectory(), "file"), "w+");
});

afterEach(() => closeSync(fd));

test("data beyond the size that was read is not taken for data of the file", () => {
  ftruncateSync(fd, MIB);
  writeSync(fd, Buffer.alloc(4096, 1), 0, 4096, 3 * MIB);
  expect(nextData(fd, 0, MIB)).toBeNull();
});

test("data that reaches beyond the size that was read is cut there", () => {
  writeSync(fd, Buffer.alloc(4096, 1), 0, 4096, MIB);
  expect(nextData(fd, 0, MIB + 1000)).toEqual([MIB, 1000]);
});
