// More than a reader can take at once, under a fanotify mark: directories renamed under the hands of writers, floods of new
// files, a reader that sleeps. Nothing is lost, and afterwards every directory is known where it is. Needs root.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type BytePath, baseName, joinPath } from "../../src/model/byte-path.js";
import type { CaptureFact } from "../../src/model/capture-port.js";
import { AgentPair } from "../support/agent-pair.js";
import { compareTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { FanotifyKit, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { canMountImages, type FileSystemType, LoopImage } from "../support/loop-image.js";
import { PYTHON, pythonArguments } from "../support/python.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const NO_FANOTIFY = whyNoFanotify() ?? (canMountImages("ext4") ? null : "mkfs.ext4 or root is missing");

async function storm(...args: readonly string[]): Promise<void> {
  const child = spawn(PYTHON, pythonArguments("tree-storm.py", ...args), { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
}

/** On a file system of its own: what else goes on must not count. */
function makeRoot(type: FileSystemType): string {
  const root = join(LoopImage.open({ type, sizeMiB: 256 }).path, "root");
  mkdirSync(root);
  return root;
}

function listDirectories(root: string, path: BytePath = "" as BytePath): BytePath[] {
  const names = readdirSync(join(root, path), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return names.flatMap(({ name }) => [joinPath(path, name), ...listDirectories(root, joinPath(path, name))]);
}

const pathsOf = (facts: readonly CaptureFact[]): BytePath[] => facts.flatMap((fact) => (fact.kind === "rename" ? [fact.path, fact.to] : [fact.path]));
const losses = (facts: readonly CaptureFact[]): readonly CaptureFact[] => facts.filter(({ kind }) => kind === "lost");

async function expectKnownPlaces(kit: FanotifyKit, root: string): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  kit.drain();
  const directories = listDirectories(root);
  for (const directory of directories) writeFileSync(join(root, directory, "probe"), "x");
  const told = new Set(pathsOf(kit.drain()));
  expect(directories.filter((directory) => !told.has(joinPath(directory, "probe")))).toEqual([]);
}

test.skipIf(NO_FANOTIFY !== null).each([
  ["read as it comes", true],
  ["read at the end", false],
] as const)(titled("2,000 directory renames at three levels while files are written below, %s", NO_FANOTIFY), async (_, isLive) => {
  const root = makeRoot("ext4");
  for (let i = 0; i < 1000; i++) mkdirSync(join(root, `a${i % 10}/b${Math.floor(i / 10) % 10}/c${Math.floor(i / 100)}`), { recursive: true });
  const kit = await FanotifyKit.start([root]);
  const take = setInterval(() => isLive && kit.take(), 1);
  await storm("stir", root, "1", "2000", "20000");
  clearInterval(take);
  kit.drain();
  expect(losses(kit.facts)).toEqual([]);
  const told = new Set(pathsOf(kit.facts).map(baseName));
  expect(Array.from({ length: 20_000 }, (_, i) => `w${i}`).filter((name) => !told.has(name))).toEqual([]);
  await expectKnownPlaces(kit, root);
});

test.skipIf(NO_FANOTIFY !== null)(titled("a storm reaches the target by itself: nobody asks, nothing is walked", NO_FANOTIFY), async () => {
  const root = makeRoot("ext4");
  for (let i = 0; i < 300; i++) mkdirSync(join(root, `a${i % 6}/b${Math.floor(i / 6) % 5}/c${Math.floor(i / 30)}`), { recursive: true });
  const directory = makeTempDirectory();
  mkdirSync(join(directory, "a", "etc"), { recursive: true });
  writeFileSync(join(directory, "a", "etc", "sm.yaml"), "capture:\n  source: fanotify\n  walkSeconds: 604800\n");
  const pair = await AgentPair.start(directory, { sourceDir: root });
  await pair.connect();
  await pair.expectEqual();
  await storm("stir", root, "7", "600", "5000");
  await storm("create", root, "50", "20");
  await eventually(async () => expect(await compareTrees(root, pair.targetDir)).toEqual([]), { timeoutMs: 60_000, intervalMs: 500 });
});

test.skipIf(NO_FANOTIFY !== null)(titled("100,000 files in directories made meanwhile: every one is told", NO_FANOTIFY), async () => {
  const root = makeRoot("tmpfs");
  const kit = await FanotifyKit.start([root]);
  const take = setInterval(() => kit.take(), 1);
  await storm("create", root, "1000", "100");
  clearInterval(take);
  kit.drain();
  expect(losses(kit.facts)).toEqual([]);
  const told = new Set(pathsOf(kit.facts));
  const made = Array.from({ length: 100_000 }, (_, i) => `n${Math.floor(i / 100)}/f${i % 100}` as BytePath);
  expect(made.filter((path) => !told.has(path))).toEqual([]);
  expect(kit.source.coverage()).toMatchObject({ directoriesWatched: 1001, losses: 0 });
});

test.skipIf(NO_FANOTIFY !== null)(titled("facts that nobody takes are kept coarser, not dropped", NO_FANOTIFY), async () => {
  const root = makeRoot("tmpfs");
  mkdirSync(join(root, "old"));
  const kit = await FanotifyKit.start([root]);
  await storm("create", root, "1200", "100");
  writeFileSync(join(root, "old/last"), "x");
  const facts = kit.drain();
  expect(facts.length).toBeLessThan(110_000);
  const walked = new Set(facts.flatMap((fact) => (fact.kind === "directory" || fact.kind === "lost" ? [fact.path] : [])));
  const named = new Set(pathsOf(facts));
  const isTold = (i: number): boolean =>
    walked.has("" as BytePath) || walked.has(`n${Math.floor(i / 100)}` as BytePath) || named.has(`n${Math.floor(i / 100)}/f${i % 100}` as BytePath);
  expect(Array.from({ length: 120_000 }, (_, i) => i).filter((i) => !isTold(i))).toEqual([]);
});
