import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DirectoryReader } from "../../src/fs/directory-reader.js";
import { AT_FDCWD, closeFd, O_DIRECTORY, O_RDONLY, openAt, statAt } from "../../src/fs/native.js";

let top = "";

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "sm-reader-"));
});

afterEach(() => rmSync(top, { recursive: true, force: true }));

function readAll(reader: DirectoryReader, fd: number): string[] {
  const names: string[] = [];
  reader.begin(fd);
  while (reader.next()) names.push(reader.text);
  return names.sort();
}

function withDirectory<T>(path: string, work: (fd: number) => T): T {
  const fd = openAt(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  try {
    return work(fd);
  } finally {
    closeFd(fd);
  }
}

test("every name of a directory that needs many reads is seen once, each time it is begun", () => {
  for (let i = 0; i < 1500; i++) writeFileSync(Buffer.concat([Buffer.from(`${top}/${i}-`), Buffer.alloc(200, 0xfe)]), "");
  for (const name of [".a", "..a", "...", "a"]) writeFileSync(join(top, name), "");
  const expected = readdirSync(top, { encoding: "latin1" }).sort();
  const reader = new DirectoryReader();
  withDirectory(top, (fd) => {
    expect(readAll(reader, fd)).toEqual(expected);
    expect(readAll(reader, fd)).toEqual(expected);
  });
});

test("an entry is looked at without following it", () => {
  mkdirSync(join(top, "dir"));
  writeFileSync(join(top, "file"), "12345");
  symlinkSync("dir", join(top, "link"));
  const reader = new DirectoryReader();
  withDirectory(top, (fd) => {
    const seen: [string, boolean][] = [];
    reader.begin(fd);
    while (reader.next()) {
      expect(reader.look()).toBe(0);
      expect(reader.stat.copy()).toEqual(statAt(fd, reader.text));
      seen.push([reader.text, reader.isDirectory]);
    }
    expect(seen.sort()).toEqual([
      ["dir", true],
      ["file", false],
      ["link", false],
    ]);
  });
});

test("a directory that was removed has no entries", () => {
  const gone = join(top, "gone");
  mkdirSync(gone);
  withDirectory(gone, (fd) => {
    rmdirSync(gone);
    expect(readAll(new DirectoryReader(), fd)).toEqual([]);
  });
});
