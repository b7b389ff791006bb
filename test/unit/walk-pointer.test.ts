import { describe, expect, test } from "vitest";
import type { DirectoryWork } from "../../src/jobs/directory-work.js";
import { isAllBehind, isEntryBehind, isFurther, orderOf } from "../../src/jobs/walk-order.js";
import { WalkPointer } from "../../src/jobs/walk-pointer.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { ShippedRename } from "../../src/model/mirror-port.js";
import type { MirrorPlace, MirrorPointer } from "../../src/model/mirror-wish.js";

const place = (path: string, root = 0): MirrorPlace => ({ root, path: path as BytePath });
const at = (path: string, name: string | null = null, except: readonly string[] = [], root = 0): MirrorPointer => ({
  ...place(path, root),
  name,
  except: except.map((each) => place(each, root)),
});
const work = (path: string, isWalk = true, root = 0): DirectoryWork => ({
  ...place(path, root),
  only: null,
  again: null,
  suspect: "none",
  descend: true,
  ...(isWalk ? { isWalk: true } : {}),
});
const DONE = { isDrained: true, isSettled: true };

/** A tree of which only renames are told. */
function treeOf(): { readonly renames: (ShippedRename | null)[]; readonly tree: ConstructorParameters<typeof WalkPointer>[0]["tree"] } {
  const renames: (ShippedRename | null)[] = [];
  const since = (position: number): readonly ShippedRename[] | null => {
    const told = renames.slice(position);
    return told.includes(null) ? null : (told as ShippedRename[]);
  };
  return {
    renames,
    tree: {
      get renamePosition() {
        return renames.length;
      },
      renamesSince: since,
      stampOf: () => null,
    },
  };
}

function pointerOf(
  mode: "full" | "difference",
  doneThrough: MirrorPointer | null = null,
): { readonly pointer: WalkPointer; rename(path: string, to: string): void; lose(): void } {
  const { renames, tree } = treeOf();
  const content = mode === "full" ? "times" : "checksum-all";
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const pointer = new WalkPointer({ mode, content, places: null, suspect: "none", doneThrough, clock, tree });
  return {
    pointer,
    rename: (path, to) => void renames.push({ root: 0, path: path as BytePath, to: to as BytePath, isDirectory: true }),
    lose: () => void renames.push(null),
  };
}

let nowMs = 0;

describe("the order of a walk", () => {
  test("each directory before what is in it, names in byte order", () => {
    const order = [place(""), place("a"), place("a/long"), place("a!"), place("b"), place("b/x"), place("b/x/y"), place("b/y"), place("", 1)];
    const shuffled = [...order].reverse().sort(orderOf);
    expect(shuffled).toEqual(order);
    expect(orderOf(place("b"), place("b"))).toBe(0);
  });

  test("a position moves on from entry to entry, and behind the last one to the end of its directory", () => {
    const steps = [at("", "a"), at("", "z"), at(""), at("a", "x"), at("a"), at("b", "a")];
    steps.forEach((one, i) => {
      steps.forEach((other, j) => {
        expect(isFurther(one, other), `${i} ${j}`).toBe(i > j);
      });
    });
  });

  test("an entry is done with the directory it is in, and all of it when what is below is, too", () => {
    const position = at("b/x", "m");
    const entries = ["a", "a/z", "b", "b/x", "b/y", "z", "b/x/a", "b/x/m", "b/x/n", "b/y/a", "c/a"];
    expect(entries.filter((path) => isEntryBehind(position, place(path)))).toEqual(["a", "a/z", "b", "b/x", "b/y", "z", "b/x/a", "b/x/m"]);
    expect(entries.filter((path) => isAllBehind(position, place(path)))).toEqual(["a", "a/z"]);
    expect(isAllBehind(position, place("z", -1))).toBe(true);
    expect(isEntryBehind(position, place("", 1))).toBe(false);
  });
});

describe("the pointer of a mirror", () => {
  test("what was gone through before is compared by size and time, all else as it was asked for", () => {
    const { pointer } = pointerOf("full", at("b/x", null, [], 1));
    const behind = [work("z", true, 0), work("", true, 1), work("a/long", true, 1), work("b", true, 1), work("b/x", true, 1)];
    expect(behind.map((each) => pointer.isFull(each))).toEqual(behind.map(() => false));
    const ahead = [work("b/x/y", true, 1), work("b/y", true, 1), work("b!", true, 1), work("c", true, 1), work("", true, 2), work("a", false, 0)];
    expect(ahead.map((each) => pointer.isFull(each))).toEqual(ahead.map(() => true));
    const { pointer: other } = pointerOf("difference", at("b"));
    expect(["a", "b", "b/a", "c"].map((path) => other.comparesAll(work(path)))).toEqual([false, false, true, true]);
  });

  test("of a directory in its middle only the entries before it are done", () => {
    const { pointer } = pointerOf("full", at("b", "m"));
    const entry = (name: string) => ({ name, path: `b/${name}` as BytePath, type: "file", size: 1, inode: name, links: 1 }) as const;
    const divided = pointer.divide(work("b"), ["a", "m", "n"].map(entry));
    expect([divided?.done, divided?.at, divided?.ahead].map((names) => names?.map(({ name }) => name))).toEqual([["a"], ["m"], ["n"]]);
    expect([pointer.divide(work("a"), []), pointer.divide(work("b", false), [])]).toEqual([null, null]);
  });

  test("where answers are waited for it moves when all that was begun is done, and never back", () => {
    const { pointer } = pointerOf("difference");
    pointer.begin(work(""), DONE);
    expect(pointer.now).toBeNull();
    pointer.begin(work("a"), { isDrained: false, isSettled: false });
    pointer.begin(work("renamed", false), DONE);
    expect(pointer.now).toBeNull();
    nowMs += 10_000;
    expect(pointer.wantsDrain).toBe(true);
    pointer.begin(work("b"), DONE);
    expect([pointer.now, pointer.wantsDrain]).toEqual([at("a"), false]);
    pointer.begin(work(""), { isDrained: false, isSettled: false });
    pointer.begin(work("c"), DONE);
    expect(pointer.now).toEqual(at("a"));
  });

  test("something that never settles does not hold the walk up again and again", () => {
    const { pointer } = pointerOf("difference");
    pointer.begin(work("a"), DONE);
    nowMs += 10_000;
    pointer.begin(work("b"), { isDrained: true, isSettled: false });
    expect([pointer.wantsDrain, pointer.now]).toEqual([false, null]);
  });

  test("what is renamed from behind it to before it is not done until the walk goes on", () => {
    const { pointer, rename } = pointerOf("full");
    pointer.begin(work(""), DONE);
    pointer.begin(work("c"), DONE);
    pointer.sending(0, "c" as BytePath, "m");
    rename("x", "a/x");
    rename("b", "a/b");
    rename("c/z", "zz/z");
    expect(pointer.now).toEqual(at("c", "m", ["a/x"]));
    rename("a", "b");
    rename("b/x/in", "b/out");
    expect(pointer.now).toEqual(at("c", "m", ["b/x", "b/out"]));
    pointer.begin(work("d"), DONE);
    expect(pointer.now).toEqual(at("c"));
  });

  test("when nobody knows what was renamed, nothing is known to be done", () => {
    const { pointer, lose } = pointerOf("full", at("c"));
    expect(pointer.now).toEqual(at("c"));
    lose();
    expect(pointer.now).toBeNull();
    expect(pointer.isFull(work("a"))).toBe(true);
  });

  test("more renamed than it keeps: nothing is told to be done before all of it is gone through", () => {
    const { pointer, rename } = pointerOf("full", at("c"));
    for (let i = 0; i < 1100; i++) rename(`x${i}`, `a/x${i}`);
    expect(pointer.now).toBeNull();
    pointer.begin(work("d"), DONE);
    expect(pointer.now).toEqual(at("c"));
  });

  test("of a mirror that compares sizes and times anyway none is kept", () => {
    const { tree } = treeOf();
    const pointer = new WalkPointer({ mode: "difference", content: "times", places: null, suspect: "none", doneThrough: at("c"), tree });
    expect([pointer.now, pointer.exceptions, pointer.wantsDrain]).toEqual([undefined, [], false]);
  });
});
