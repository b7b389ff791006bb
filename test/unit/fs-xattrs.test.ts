import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readXattrs, writeXattrs, xattrDigest, xattrDigestAt } from "../../src/fs/xattrs.js";
import type { Xattrs } from "../../src/model/change.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const name = (at: number): string => `user.${String(at).padStart(2, "0")}${"n".repeat(60)}`;

test.each([
  ["few and short", 2, 5],
  ["a list that just fits the first buffer", 15, 1],
  ["more names than the first buffer holds", 16, 1],
  ["values as long as the first buffer", 1, 1024],
  ["values longer than the first buffer", 2, 1025],
  ["no value", 3, 0],
])("attributes are read whole: %s", (_, count, bytes) => {
  const directory = makeTempDirectory();
  const path = join(directory, "f");
  writeFileSync(path, "x");
  const wanted: Xattrs = Array.from({ length: count }, (_each, at) => [name(at), Buffer.alloc(bytes, at + 1)]);
  expect(writeXattrs(path, wanted)).toEqual([]);
  expect(readXattrs(path)).toEqual(wanted);
  const [fd, dirfd] = [openSync(path, "r"), openSync(directory, "r")];
  expect(readXattrs(fd)).toEqual(wanted);
  expect(xattrDigestAt(dirfd, "f")).toBe(xattrDigest(wanted));
  closeSync(fd);
  closeSync(dirfd);
  expect(writeXattrs(path, [])).toEqual([]);
  expect(readXattrs(path)).toEqual([]);
});
