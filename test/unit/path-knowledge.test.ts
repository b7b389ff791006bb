// What is told of a path while something of it waits. The clock stands still, so that it waits as long as it is looked at.

import fs from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { delay } from "../../src/base/wait.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { PathKnowledge } from "../../src/model/explanation.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const ROUNDS_MAX = 500;
const BIG = 4 << 20;

afterEach(() => {
  vi.useRealTimers();
});

async function planted(): Promise<{ readonly kit: SourceKit; readonly path: (name: string) => string; readonly explain: (name: string) => PathKnowledge }> {
  const directory = makeTempDirectory();
  const root = join(directory, "source");
  const path = (name: string): string => join(root, name);
  fs.mkdirSync(path("d"), { recursive: true });
  fs.writeFileSync(path("d/small"), "12345");
  fs.writeFileSync(path("big"), Buffer.alloc(BIG));
  fs.utimesSync(path("big"), 1000, 1000);
  // Timestamps of what was done before are told apart from those of what is done from now on.
  await delay(40);
  const kit = SourceKit.start({ root, target: join(directory, "target"), signatureBytesMax: 0 });
  await kit.mirror("full");
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  return { kit, path, explain: (name) => kit.jobs.explain(0, name as BytePath) };
}

/** Lets the engine work, a millisecond of its clock at a time, until it tells so. */
async function until(explain: () => PathKnowledge, isSo: (told: PathKnowledge) => boolean): Promise<PathKnowledge> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const told = explain();
    if (isSo(told)) return told;
    vi.advanceTimersByTime(1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`it is told ${JSON.stringify(explain())} in the end`);
}

test("what is known of a file, and of nothing", async () => {
  const { path, explain } = await planted();
  const { ino } = fs.statSync(path("d/small"));
  expect(explain("d/small")).toMatchObject({ known: { type: "file", size: 5, inode: ino, names: 1, isYoung: false }, waits: [], checkedBy: [] });
  expect(explain("big").known?.mtime).toBe("1970-01-01T00:16:40.000000000Z");
  expect(explain("d/none")).toEqual({ known: null, waits: [], checkedBy: [] });
});

test("events and listings that concern the path wait, others do not", async () => {
  const { kit, explain } = await planted();
  const push = (fact: Parameters<SourceKit["engine"]["inbox"]["push"]>[0][number]): void => kit.engine.inbox.push([fact]);
  push({ kind: "attr", root: 0, path: "d/small" as BytePath, node: null });
  push({ kind: "directory", root: 0, path: "" as BytePath, recursive: false });
  expect([explain("d/small").waits, explain("d").waits, explain("big").waits]).toEqual([["event"], ["listing"], ["listing"]]);
  push({ kind: "directory", root: 0, path: "d" as BytePath, recursive: true });
  expect([explain("d/small").waits, explain("d/x/y").waits, explain("dd/x").waits]).toEqual([["event", "listing"], ["listing"], []]);
});

test("what is gone waits for a rename, then is known no more", async () => {
  const { kit, path, explain } = await planted();
  fs.rmSync(path("d/small"));
  kit.engine.pushFacts([{ kind: "name", root: 0, path: "d/small" as BytePath }]);
  expect(
    (
      await until(
        () => explain("d/small"),
        ({ waits }) => waits.includes("missing"),
      )
    ).known,
  ).not.toBeNull();
  expect(
    await until(
      () => explain("d/small"),
      ({ known }) => known === null,
    ),
  ).toEqual({ known: null, waits: [], checkedBy: [] });
});

test("a large file in doubt waits to be asked for, then is compared", async () => {
  const { kit, path, explain } = await planted();
  const fd = fs.openSync(path("big"), "r+");
  fs.writeSync(fd, "other", BIG / 2);
  fs.closeSync(fd);
  kit.engine.pushFacts([{ kind: "content", root: 0, path: "big" as BytePath, node: null, isModified: true, isClosed: false }]);
  expect(
    (
      await until(
        () => explain("big"),
        ({ waits }) => waits.includes("doubt"),
      )
    ).checkedBy,
  ).toEqual([]);
  expect(
    (
      await until(
        () => explain("big"),
        ({ checkedBy }) => checkedBy.length > 0,
      )
    ).checkedBy,
  ).toEqual([1]);
  await until(
    () => explain("big"),
    ({ checkedBy, waits }) => checkedBy.length + waits.length === 0,
  );
});
