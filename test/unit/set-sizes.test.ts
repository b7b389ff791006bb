// The size of a replication set: counted in turns, told while it is counted, ended when nobody asks any more.

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { requireComplete, SetSizes } from "../../src/agent/set-sizes.js";
import type { RepsetData } from "../../src/model/rule.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const FILES = 100;
/** The same directory again and again: much to count, little to plant. */
const TIMES = 300;
const FOR_EVER_MS = 60_000;

function plant(files: number): { readonly root: string; readonly repset: RepsetData } {
  const root = makeTempDirectory();
  mkdirSync(join(root, "out"));
  mkdirSync(join(root, "in/deep"), { recursive: true });
  writeFileSync(join(root, "out/not counted"), "x");
  symlinkSync("nowhere", join(root, "in/link"));
  for (let index = 0; index < files; index++) writeFileSync(join(root, "in/deep", `f${index}`), "12345");
  const rules = [
    { path: root, mode: "include", recursive: true },
    { path: join(root, "out"), mode: "exclude", recursive: true },
  ] as const;
  return { root, repset: { name: "set", generation: 1, rules } };
}

function open(abandonedMs?: number): SetSizes {
  const sizes = new SetSizes(abandonedMs);
  onTestFinished(() => sizes.close());
  return sizes;
}

test("all that the rules include is counted, links as files without bytes", async () => {
  const { root, repset } = plant(3);
  const sizes = open();
  const size = { files: 4, directories: 2, bytes: 15, problems: 0, isComplete: true };
  expect(await sizes.measure(repset, [root], FOR_EVER_MS)).toEqual(size);
  expect(sizes.running).toBe(0);
  writeFileSync(join(root, "more"), "1");
  expect(await sizes.measure(repset, [root], FOR_EVER_MS)).toEqual({ ...size, files: 5, bytes: 16 });
});

test("who waits a while is told what is counted so far, and goes on waiting for the same walk", async () => {
  const { root, repset } = plant(FILES);
  const sizes = open();
  const roots = Array.from({ length: TIMES }, () => root);
  const first = await sizes.measure(repset, roots, 0);
  expect(first.isComplete).toBe(false);
  expect(() => requireComplete("set", first)).toThrow("not counted to the end");
  const [a, b] = await Promise.all([sizes.measure(repset, roots, FOR_EVER_MS), sizes.measure(repset, roots, FOR_EVER_MS)]);
  expect(a).toEqual({ files: TIMES * (FILES + 1), directories: TIMES * 2, bytes: TIMES * 5 * FILES, problems: 0, isComplete: true });
  expect(b).toEqual(a);
  expect(requireComplete("set", a)).toBe(a);
});

test("a walk that nobody asks for any more ends", async () => {
  const { root, repset } = plant(FILES);
  const sizes = open(0);
  expect(
    (
      await sizes.measure(
        repset,
        Array.from({ length: TIMES }, () => root),
        0,
      )
    ).isComplete,
  ).toBe(false);
  expect(sizes.running).toBe(1);
  await eventually(() => expect(sizes.running).toBe(0));
  expect((await sizes.measure(repset, [root], FOR_EVER_MS)).files).toBe(FILES + 1);
});

test("a root that is not there is an error, and no walk stays behind", async () => {
  const { repset } = plant(1);
  const sizes = open();
  await expect(sizes.measure(repset, ["/nowhere at all"], FOR_EVER_MS)).rejects.toThrow();
  expect(sizes.running).toBe(0);
});
