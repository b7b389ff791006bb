// What is renamed while a verification is at it is compared where it is by then, whatever of it was waiting, asked for or looked at again.

import { expect, test } from "vitest";
import { VerifyJob } from "../../src/jobs/verify-job.js";
import { type BytePath, baseName, isBelow, joinPath, parentPath } from "../../src/model/byte-path.js";
import type { CompareAnswer } from "../../src/model/change.js";
import type { CompareRequest, EntryStamp, MirrorEntry, MirrorTree, ShippedRename } from "../../src/model/mirror-port.js";

const at = (path: string): BytePath => path as BytePath;

/** A source whose target follows each rename in the sequence, and has other content in some files. */
class Twins implements Partial<MirrorTree> {
  readonly rootCount = 1;
  readonly answers: CompareAnswer[] = [];
  readonly #inodes = new Map<BytePath, string>();
  readonly #damaged = new Set<string>();
  readonly #renames: ShippedRename[] = [];
  /** What bringing a directory up to date tells of. */
  onList: (directory: BytePath) => void = () => undefined;
  /** Is not where it is known to be, until somebody tells where it went. */
  away: BytePath | null = null;
  onSought: () => void = () => undefined;

  constructor(files: readonly string[], damaged: readonly string[]) {
    for (const file of files) {
      this.#inodes.set(at(file), file);
      if (file.includes("/")) this.#inodes.set(parentPath(at(file)), parentPath(at(file)));
    }
    for (const file of damaged) this.#damaged.add(file);
  }

  get renamePosition(): number {
    return this.#renames.length;
  }

  renamesSince(position: number): readonly ShippedRename[] {
    return this.#renames.slice(position);
  }

  rename(from: string, to: string): void {
    for (const [path, inode] of [...this.#inodes]) {
      if (!isBelow(path, at(from))) continue;
      this.#inodes.delete(path);
      this.#inodes.set(at(`${to}${path.slice(from.length)}`), inode);
    }
    this.#renames.push({ root: 0, path: at(from), to: at(to), isDirectory: !from.includes("/") });
  }

  totals(): ReturnType<MirrorTree["totals"]> {
    return { files: 0, directories: 1, bytes: 0 };
  }

  async list(_root: number, directory: BytePath): Promise<readonly MirrorEntry[] | null> {
    this.onList(directory);
    return this.away !== directory && (directory === "" || this.#inodes.has(directory)) ? this.#entries(directory) : null;
  }

  seek(): boolean {
    this.onSought();
    return true;
  }

  #entries(directory: BytePath): MirrorEntry[] {
    const paths = [...this.#inodes.keys()].filter((path) => parentPath(path) === directory).sort();
    return paths.map((path) => ({ ...{ name: baseName(path), path, size: 4, links: 1 }, type: this.#typeOf(path), inode: this.inodeAt(0, path) ?? "" }));
  }

  #typeOf(path: BytePath): "dir" | "file" {
    return [...this.#inodes.keys()].some((other) => parentPath(other) === path) ? "dir" : "file";
  }

  inodeAt(_root: number, path: BytePath): string | null {
    return this.#inodes.get(path) ?? null;
  }

  versionOf(): number {
    return 0;
  }

  stampOf(_root: number, path: BytePath): EntryStamp | null {
    const isThere = this.#inodes.has(path);
    return isThere ? { size: 4, mtimeSec: 1, mtimeNsec: 0, ctimeSec: 1, ctimeNsec: 0, ino: 1, mode: 0o644 } : null;
  }

  /** Answered as it is at this point of the sequence. */
  compare(_connectionId: number, { directory, entries }: CompareRequest): number {
    const isThere = directory === "" || this.#inodes.has(directory);
    const seq = this.answers.length + 1;
    const differs = isThere
      ? entries.flatMap(({ name }) => (this.#damaged.has(this.#inodes.get(joinPath(directory, name)) ?? "") ? [{ name, why: "content" as const }] : []))
      : [{ name: "", why: "missing" as const }];
    this.answers.push({ kind: "compare", seq, root: 0, path: directory, differs, extras: [], removed: 0 });
    return seq;
  }
}

test("while nothing is begun, what moves in front of the place that it has reached keeps it there", async () => {
  const tree = new Twins(["a/x", "b/x", "d/f"], []);
  const job = new VerifyJob({ connectionId: 1, content: "times", tree: tree as unknown as MirrorTree, onFinding: () => false });
  for (let taken = 0; tree.answers.at(-1)?.path !== "b"; await job.step()) for (const answer of tree.answers.slice(taken++)) job.takeAnswer(answer);
  for (const answer of tree.answers) job.takeAnswer(answer);
  job.pause(true);
  while ((await job.step()) === "worked");
  expect(job.position).toMatchObject({ path: "d" });
  tree.rename("d/f", "a/f");
  job.followRenames();
  expect(job.position).toMatchObject({ path: "a", name: "f" });
});

/** `onCompared`: called with each directory that is asked about, before the answer comes. */
async function findings(tree: Twins, onCompared: (directory: BytePath, count: number) => void): Promise<readonly string[]> {
  const found: string[] = [];
  let ms = 0;
  let taken = 0;
  const onFinding = ({ path, why }: { readonly path: BytePath; readonly why: string }): boolean => {
    found.push(`${path} ${why}`);
    return false;
  };
  const clock = { nowMs: () => ms, monotonicMs: () => ms };
  const job = new VerifyJob({ connectionId: 1, content: "times", tree: tree as unknown as MirrorTree, onFinding, clock });
  for (let steps = 0; steps < 10_000; steps++) {
    const result = await job.step();
    if (result === "done") return [...new Set(found)].sort();
    if (result === "waiting") ms += 100;
    const answer = tree.answers[taken];
    if (answer === undefined) continue;
    taken += 1;
    onCompared(answer.path, taken);
    job.takeAnswer(answer);
  }
  throw new Error("it does not end");
}

const NAMES = Array.from({ length: 600 }, (_, i) => `d/f${String(i).padStart(3, "0")}`);

test("names that wait for their turn in a directory that is renamed", async () => {
  const tree = new Twins(NAMES, ["d/f010", "d/f400", "d/f599"]);
  let isRenamed = false;
  const found = await findings(tree, (directory) => {
    if (directory !== "d" || isRenamed) return;
    isRenamed = true;
    tree.rename("d", "a");
  });
  expect(found).toEqual(["a/f010 content", "a/f400 content", "a/f599 content"]);
});

test.each([
  ["d", "a", "a/f"],
  ["d/f", "a-file", "a-file"],
])("%s is renamed while the answer about d/f is on its way", async (from, to, path) => {
  const tree = new Twins(["d/f", "d/g", "e/h"], ["d/f"]);
  let isRenamed = false;
  const found = await findings(tree, (directory) => {
    if (directory !== "d" || isRenamed) return;
    isRenamed = true;
    tree.rename(from, to);
  });
  expect(found).toEqual([`${path} content`]);
});

test.each([
  ["d is about to be compared", 1],
  ["a suspect in d is about to be looked at again", 2],
])("a name that moves to where it has been, told of when %s", async (_when, turn) => {
  const tree = new Twins(["a/x", "d/f", "d/g"], ["d/f"]);
  let lists = 0;
  tree.onList = (directory) => {
    if (directory === "d") lists += 1;
    if (directory === "d" && lists === turn) tree.rename("d/f", "a/f");
  };
  expect(await findings(tree, () => undefined)).toEqual(["a/f content"]);
});

test("a name that moves on while it is looked for where it went", async () => {
  const tree = new Twins(["a/x", "b/x", "d/f", "d/g"], ["d/f"]);
  let [isFirst, isSecond] = [true, false];
  tree.onList = (directory) => {
    if (directory === "d" && isFirst) {
      isFirst = false;
      isSecond = true;
      tree.rename("d/f", "a/f");
    } else if (directory === "a" && isSecond) {
      isSecond = false;
      tree.rename("a/f", "b/f");
    }
  };
  expect(await findings(tree, () => undefined)).toEqual(["b/f content"]);
});

test("a directory that is away when it is to be listed is compared where it is found", async () => {
  const tree = new Twins(["a/f", "d/g"], ["d/g"]);
  tree.away = at("d");
  tree.onSought = () => tree.rename("d", "b");
  expect(await findings(tree, () => undefined)).toEqual(["b/g content"]);
});

test("what is suspected in a directory that is away when it is looked at again is looked at where it is found", async () => {
  const tree = new Twins(["a/f", "d/g"], ["d/g"]);
  const found = await findings(tree, (directory) => {
    if (directory !== "d" || tree.away !== null) return;
    tree.away = at("d");
    tree.onSought = () => tree.rename("d", "b");
  });
  expect(found).toEqual(["b/g content"]);
});

test("what can never be listed keeps a verification from being whole", async () => {
  const tree = new Twins(["a/f", "d/g"], []);
  tree.away = at("d");
  const job = new VerifyJob({ connectionId: 1, content: "times", tree: tree as unknown as MirrorTree, onFinding: () => false });
  while ((await job.step()) !== "done") for (const answer of tree.answers) job.takeAnswer(answer);
  expect(job.isWhole).toBe(false);
});
