// A mirror that was paused goes on behind what it had done.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BytePath } from "../../src/model/byte-path.js";
import type { MirrorPointer } from "../../src/model/mirror-wish.js";
import { compareTrees } from "../support/compare-trees.js";
import { eventually } from "../support/eventually.js";
import { pastRacy } from "../support/past-racy.js";
import { payloadBytes, SourceKit, type SourceKitOptions } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;

function setPaused(kit: SourceKit, isPaused: boolean): void {
  kit.jobs.obey({ kind: "pauseMirror", connectionId: 1, isPaused });
  kit.engine.wake();
}

/** What a source worker would tell just now. */
function toldBy(kit: SourceKit): MirrorPointer | null | undefined {
  kit.jobs.reportProgress();
  const event = kit.events.findLast(({ kind }) => kind === "mirrorProgress");
  return event?.kind === "mirrorProgress" ? event.done?.pointer : undefined;
}

async function plant(files: Readonly<Record<string, number>>): Promise<{ readonly root: string; readonly target: string }> {
  const directory = makeTempDirectory();
  const root = join(directory, "source");
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), Buffer.from(Array.from({ length: bytes / 1024 }, (_, i) => `${path} ${i}`.padEnd(1024)).join("")));
  }
  await pastRacy();
  return { root, target: join(directory, "target") };
}

/** Begins a full mirror that is paused as soon as a set names the path. */
async function pausedAt(path: string, options: SourceKitOptions): Promise<{ readonly kit: SourceKit; readonly mirrored: Promise<void> }> {
  let isPaused = false;
  const kit: SourceKit = SourceKit.start({
    ...options,
    onSet: ({ changes }) => {
      if (isPaused || !changes.some((change) => change.path === path)) return;
      isPaused = true;
      setPaused(kit, true);
    },
  });
  const mirrored = kit.mirror("full", "remove");
  await eventually(() => expect(isPaused).toBe(true));
  return { kit, mirrored };
}

test("in the middle of a file it stops, lets live changes by, and goes on with the rest of it", async () => {
  const places = await plant({ "a/f": MiB, "b/f": 8 * MiB, "c/f": MiB });
  const { kit, mirrored } = await pausedAt("b/f", places);
  const before = payloadBytes(kit.sets.flatMap(({ changes }) => changes));
  expect(before).toBeLessThan(5 * MiB);
  writeFileSync(join(places.root, "c/live"), "four");
  await kit.barrier();
  expect(kit.events.some(({ kind }) => kind === "mirrorEmitted")).toBe(false);
  expect(payloadBytes(kit.sets.flatMap(({ changes }) => changes)) - before).toBeLessThan(100);
  expect(toldBy(kit)).toEqual({ root: 0, path: "b", name: "f", except: [] });
  setPaused(kit, false);
  await mirrored;
  await kit.settle();
  expect(await compareTrees(places.root, places.target)).toEqual([]);
  // The live file is small; every other byte was sent once.
  const all = payloadBytes(kit.sets.flatMap(({ changes }) => changes));
  expect(all - 10 * MiB).toBeGreaterThanOrEqual(4);
  expect(all - 10 * MiB).toBeLessThan(100);
});

test("begun again by a process that knows the pointer, it sends what was not sent, of a large file, too, and what became wrong since", async () => {
  const places = await plant({ "a/big": MiB, "a/f": MiB, "b/e": MiB, "b/f": 8 * MiB, "b/g": MiB, "c/f": MiB });
  const { kit } = await pausedAt("b/f", places);
  const sent = payloadBytes(kit.sets.flatMap(({ changes }) => changes));
  const pointer = toldBy(kit);
  await kit.stop();
  expect(pointer).toEqual({ root: 0, path: "b", name: "f", except: [] });
  await pastRacy();
  const changedSinceMs = Date.now();
  writeFileSync(join(places.root, "a/f"), "another content, and size");
  rmSync(join(places.root, "a/big"));
  await pastRacy();
  writeFileSync(join(places.target, "b/e"), "lost on the target");
  const later = SourceKit.start(places);
  await later.mirror("full", "remove", { changedSinceMs }, { doneThrough: pointer as MirrorPointer });
  await later.settle();
  expect(await compareTrees(places.root, places.target)).toEqual([]);
  // Of 13 MiB 3 were sent whole, and the first of b/f; then a/f, b/e, the rest of b/f, and what is behind it.
  expect(sent).toBeGreaterThan(3 * MiB);
  expect(payloadBytes(later.sets.flatMap(({ changes }) => changes))).toBeLessThanOrEqual(13 * MiB - sent + MiB + 64 * 1024);
});

test("in a directory of many files it goes on with the next one, and removes none of those before it", async () => {
  const names = Array.from({ length: 600 }, (_, i) => `f${String(i).padStart(3, "0")}`);
  const places = await plant(Object.fromEntries(names.map((name) => [name, 4096])));
  const whole = SourceKit.start(places);
  await whole.mirror("full");
  await whole.stop();
  const later = SourceKit.start(places);
  const doneThrough = { root: 0, path: "" as BytePath, name: "f399", except: [] };
  await later.mirror("full", "remove", "none", { doneThrough });
  await later.settle();
  expect(await compareTrees(places.root, places.target)).toEqual([]);
  // The one that it may have been in the middle of is sent again.
  expect(payloadBytes(later.sets.flatMap(({ changes }) => changes))).toBe(201 * 4096);
});
