// The disk is told of the next files that are to be read, of so many bytes at a time.

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AT_FDCWD, closeFd, O_DIRECTORY, O_RDONLY, openAt } from "../../src/fs/native.js";
import { fetchFile, ReadAhead } from "../../src/fs/read-ahead.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;
const name = (at: number): BytePath => `f${at}` as BytePath;

function open(bytes: number): { readonly ahead: ReadAhead; readonly told: () => string[] } {
  let told: string[] = [];
  const ahead = new ReadAhead((root, path) => {
    told.push(`${root}:${path}`);
    return bytes;
  });
  return {
    ahead,
    told: () => {
      const now = told;
      told = [];
      return now;
    },
  };
}

test("files are told in order, as many as fit, and the next when one was read", () => {
  const { ahead, told } = open(4 * MiB);
  for (let at = 0; at < 8; at++) ahead.expect(0, name(at));
  expect(told()).toEqual(["0:f0", "0:f1", "0:f2", "0:f3"]);
  ahead.expect(0, name(1));
  expect(told()).toEqual([]);
  ahead.passed(0, name(0));
  expect(told()).toEqual(["0:f4"]);
  // What never had its turn does not stay in the way.
  ahead.passed(0, name(3));
  expect(told()).toEqual(["0:f5", "0:f6", "0:f7"]);
  ahead.passed(0, name(9));
  ahead.expect(1, name(0));
  expect(told()).toEqual([]);
  ahead.passed(0, name(7));
  expect(told()).toEqual(["1:f0"]);
});

test("what was read before it was told of is not told, and those before it are over", () => {
  const { ahead, told } = open(16 * MiB);
  for (let at = 0; at < 3; at++) ahead.expect(0, name(at));
  ahead.passed(0, name(1));
  expect(told()).toEqual(["0:f0", "0:f2"]);
  ahead.passed(0, name(0));
  ahead.expect(0, name(3));
  expect(told()).toEqual([]);
});

test("regular files alone are opened, by no link; whatever is wrong is nothing to read", () => {
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "d"));
  writeFileSync(join(directory, "small"), "12345");
  writeFileSync(join(directory, "large"), Buffer.alloc(5 * MiB));
  writeFileSync(join(directory, "empty"), "");
  symlinkSync("small", join(directory, "link"));
  const dirfd = openAt(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY);
  expect(["small", "large", "empty", "link", "d", "none"].map((each) => fetchFile(dirfd, each))).toEqual([5, 4 * MiB, 0, 0, 0, 0]);
  closeFd(dirfd);
  expect(fetchFile(-1, "small")).toBe(0);
});
