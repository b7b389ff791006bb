// While what is sent comes from the disk, the disk is told of what is sent next: in the order of sending, so much of it, and nothing otherwise.

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { SendsAhead } from "../../src/capture/sends-ahead.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { Upcoming } from "../../src/model/mirror-port.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const KiB = 1024;
const MiB = 1024 * KiB;
const ALL: Upcoming = { root: 0, path: "" as BytePath, isDirectory: true };
const file = (path: string): Upcoming => ({ root: 0, path: path as BytePath, isDirectory: false });

interface Opened {
  readonly ahead: SendsAhead;
  /** What the disk was told of since the last call. */
  readonly told: (upcoming: Iterable<Upcoming>) => string[];
  /** So many files of 64 KiB were sent, of which this share came from the disk. */
  readonly send: (count: number, share: number, path?: (at: number) => string) => void;
}

/** A source with these files, of one byte; `bytes`: what telling of each is worth. */
function open(paths: readonly string[], bytes: number, childrenMax?: number): Opened {
  const root = join(makeTempDirectory(), "source");
  for (const directory of new Set(["", ...paths.map(dirname)])) mkdirSync(join(root, directory), { recursive: true });
  for (const path of paths) writeFileSync(join(root, path), "x");
  symlinkSync("nowhere", join(root, "a-link"));
  writeFileSync(join(root, "an-empty-file"), "");
  const kit = SourceKit.start({ root });
  let names: string[] = [];
  let diskBytes = 0;
  const fetch = (_dirfd: number, name: string): number => {
    names.push(name);
    return bytes;
  };
  const ahead = new SendsAhead({ trees: kit.engine.trees, diskBytes: () => diskBytes, fetch, ...(childrenMax === undefined ? {} : { childrenMax }) });
  return {
    ahead,
    told: (upcoming) => {
      names = [];
      for (const tree of kit.engine.trees) tree.begin();
      ahead.tell(upcoming);
      for (const tree of kit.engine.trees) tree.end();
      return names;
    },
    send: (count, share, path = () => "elsewhere") => {
      for (let at = 0; at < count; at++) {
        diskBytes += 64 * KiB * share;
        ahead.passed(0, kit.engine.trees[0]?.table.records.at(path(at) as BytePath) ?? 0, 64 * KiB);
      }
    },
  };
}

const range = (from: number, until: number): string[] => Array.from({ length: until - from }, (_, at) => `f${String(from + at).padStart(3, "0")}`);

test("what lies in memory is not told of; what comes from the disk is, in the order in which a mirror sends it", () => {
  const { told, send } = open(["z", "b/2", "b/1", "b/c/3", "a/4", "a.x/5"], 1);
  send(64, 0);
  expect(told([ALL])).toEqual([]);
  send(64, 0.1);
  expect(told([ALL])).toEqual([]);
  send(32, 0.5);
  expect(told([file("b/c/3"), ALL])).toEqual(["3", "z", "4", "5", "1", "2"]);
});

test("so many files are told of at a time, and more when half of them were sent", () => {
  const { told, send } = open(range(0, 600), 1);
  send(32, 1);
  expect(told([ALL])).toEqual(range(0, 256));
  expect(told([ALL])).toEqual([]);
  const sendFrom = (from: number, until: number): void => send(until - from, 0, (at) => range(from, until)[at] as string);
  sendFrom(0, 127);
  expect(told([ALL])).toEqual([]);
  sendFrom(127, 130);
  expect(told(range(130, 600).map(file))).toEqual(range(256, 386));
});

test("so many bytes are told of at a time", () => {
  const { told, send } = open(range(0, 20), 4 * MiB);
  send(32, 1);
  expect(told([ALL])).toEqual(range(0, 4));
  send(1, 0, () => "f001");
  expect(told(range(2, 20).map(file))).toEqual(range(4, 6));
});

test("files told of are in memory when they are sent, which says nothing; when nothing is read any more, nothing is told", () => {
  const { told, send } = open(range(0, 600), 1);
  send(32, 1);
  expect(told([ALL])).toEqual(range(0, 256));
  send(256, 0, (at) => range(0, 256)[at] as string);
  expect(told(range(256, 600).map(file))).toEqual(range(256, 512));
  send(256, 0, (at) => range(256, 512)[at] as string);
  expect(told(range(512, 600).map(file))).toEqual([]);
  send(32, 1, (at) => range(512, 600)[at] as string);
  expect(told(range(544, 600).map(file))).toEqual(range(544, 600));
});

test("a mirror that went elsewhere, or another one, is not kept waiting by what was told for one that ended", () => {
  const { told, send } = open(range(0, 600), 1);
  send(32, 1);
  expect(told([ALL])).toHaveLength(256);
  send(96, 1);
  expect(told([file("f599")])).toEqual(["f599"]);
});

test("of what is empty, or no file, a bounded part is gone through", () => {
  const { told, send } = open(["b/1"], 1);
  send(32, 1);
  let asked = 0;
  function* endless(): Generator<Upcoming> {
    for (;;) {
      asked += 1;
      yield file(asked % 2 === 0 ? "an-empty-file" : "a-link");
    }
  }
  expect(told(endless())).toEqual([]);
  expect(asked).toBeLessThanOrEqual(1024);
});

test("a directory of very many files is not put in order to tell of a few; what comes before it is told of", () => {
  const paths = ["a", "b/1", ...range(0, 10).map((name) => `c/${name}`), "d/2"];
  const few = open(paths, 1, 9);
  few.send(32, 1);
  expect(few.told([ALL])).toEqual(["a", "1"]);
  const enough = open(paths, 1, 10);
  enough.send(32, 1);
  expect(enough.told([ALL])).toHaveLength(13);
});
