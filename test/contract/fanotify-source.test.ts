// What the fanotify source says beyond the common contract, and what it leaves behind. Needs root.

import { spawnSync } from "node:child_process";
import { appendFileSync, chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EventQueue } from "../../src/capture/event-queue.js";
import type { FanotifyEvent } from "../../src/capture/fanotify-event.js";
import { FeedBoard } from "../../src/capture/feed-board.js";
import { countQueuedEvents } from "../../src/fs/fanotify.js";
import { type BytePath, bytesFromText, isBelow } from "../../src/model/byte-path.js";
import { eventually } from "../support/eventually.js";
import { acquireFeed, expectSoon, FanotifyKit, makeWatchedRoot, outlineFacts, POLL_WORKER, titled, whyNoFanotify } from "../support/fanotify-kit.js";

const NO_FANOTIFY = whyNoFanotify();

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    // The descriptor by which the directory was read.
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

describe.skipIf(NO_FANOTIFY !== null)(titled("facts", NO_FANOTIFY), () => {
  test("of files are about the name, with what is known of the inode", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root]);
    appendFileSync(join(root, "d/f"), "y");
    chmodSync(join(root, "e/h"), 0o600);
    unlinkSync(join(root, "a"));
    linkSync(join(root, "d/f"), join(root, "e/link"));
    expect(outlineFacts(kit.drain())).toEqual(["content d/f", "attr e/h", "name e/link", "name a"]);
    renameSync(join(root, "e/link"), join(root, "d/link"));
    renameSync(join(root, "d"), join(root, "e/d"));
    expect(outlineFacts(kit.drain())).toEqual(["rename e/link -> e/d/link", "rename d -> e/d"]);
    appendFileSync(join(root, "e/d/sub/g"), "y");
    expect(outlineFacts(kit.drain())).toEqual(["content e/d/sub/g"]);
    chmodSync(join(root, "e"), 0o700);
    chmodSync(root, 0o700);
    expect(outlineFacts(kit.drain())).toEqual(["attr e", "list "]);
  });

  test("of entries that come and go tell of the directory, too: its times changed, even if nothing of them is left", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root]);
    appendFileSync(join(root, "d/f"), "y");
    expect(kit.drain()).toMatchObject([{ kind: "content", path: "d/f" }]);
    writeFileSync(join(root, "d/brief"), "");
    rmSync(join(root, "d/brief"));
    renameSync(join(root, "e/h"), join(root, "h"));
    expect(kit.drain()).toMatchObject([
      { kind: "rename", path: "e/h", to: "h" },
      { kind: "content", path: "d/brief" },
      { kind: "attr", path: "d" },
      { kind: "attr", path: "e" },
      { kind: "attr", path: "" },
    ]);
  });

  test("of an inode whose name is gone with its directory speak of the inode: it may have other names", async () => {
    const root = makeWatchedRoot();
    linkSync(join(root, "d/sub/g"), join(root, "e/g"));
    const { ino } = lstatSync(join(root, "e/g"));
    const kit = await FanotifyKit.start([root]);
    chmodSync(join(root, "d/sub/g"), 0o600);
    rmSync(join(root, "d"), { recursive: true });
    expect(kit.drain()).toContainEqual(expect.objectContaining({ kind: "attr", path: "d/sub/g", node: expect.objectContaining({ ino }) }));
    mkdirSync(join(root, "d"));
    linkSync(join(root, "e/g"), join(root, "d/g"));
    kit.drain();
    appendFileSync(join(root, "d/g"), "y");
    renameSync(join(root, "d"), `${root}-away`);
    expect(kit.drain()).toContainEqual(expect.objectContaining({ kind: "content", path: "d/g", node: expect.objectContaining({ ino }) }));
  });

  test("are told of a directory that left the set and came back below another one", async () => {
    const root = makeWatchedRoot();
    const outside = `${root}-away`;
    mkdirSync(join(outside, "box"), { recursive: true });
    const kit = await FanotifyKit.start([root]);
    renameSync(join(root, "d/sub"), join(outside, "box/sub"));
    kit.drain();
    renameSync(join(outside, "box"), join(root, "box"));
    expect(outlineFacts(kit.drain())).toContain("walk box");
    writeFileSync(join(root, "box/sub/new"), "x");
    expect(outlineFacts(kit.drain())).toEqual(["content box/sub/new"]);
  });

  test("are told of directories that were outside, whatever was heard of first of what they came in with", async () => {
    const root = makeWatchedRoot();
    const outside = `${root}-away`;
    for (const directory of ["box/seen", "box/other"]) mkdirSync(join(outside, directory), { recursive: true });
    const kit = await FanotifyKit.start([root]);
    writeFileSync(join(outside, "box/seen/f"), "x");
    expect(kit.drain()).toEqual([]);
    writeFileSync(join(outside, "box/other/f"), "x");
    renameSync(join(outside, "box"), join(root, "box"));
    expect(outlineFacts(kit.drain())).toContain("walk box");
    writeFileSync(join(root, "box/seen/new"), "x");
    expect(outlineFacts(kit.drain())).toEqual(["content box/seen/new"]);
  });

  test("of directories that are new or came in say that they are to be walked", async () => {
    const root = makeWatchedRoot();
    const outside = join(root, "..", "outside");
    mkdirSync(join(outside, "deep/er"), { recursive: true });
    const kit = await FanotifyKit.start([root]);
    mkdirSync(join(root, "n/m"), { recursive: true });
    expect(outlineFacts(kit.drain()).sort()).toEqual(["name n", "name n/m", "walk n"]);
    // Known to be outside before it comes in.
    writeFileSync(join(outside, "deep/er/x"), "x");
    expect(kit.drain()).toEqual([]);
    renameSync(outside, join(root, "in"));
    expect(outlineFacts(kit.drain()).sort()).toEqual(["name in", "walk in"]);
    writeFileSync(join(root, "in/deep/er/x"), "y");
    expect(outlineFacts(kit.drain())).toEqual(["content in/deep/er/x"]);
    renameSync(join(root, "in"), outside);
    writeFileSync(join(outside, "deep/er/x"), "z");
    expect(outlineFacts(kit.drain())).toEqual(["name in"]);
    renameSync(outside, join(root, "back"));
    kit.drain();
    writeFileSync(join(root, "back/deep/er/x"), "z");
    expect(outlineFacts(kit.drain())).toEqual(["content back/deep/er/x"]);
    rmSync(join(root, "back"), { recursive: true });
    expect(outlineFacts(kit.drain())).toContain("name back");
  });

  test("never concern what is excluded, whichever way it came to be", async () => {
    const root = makeWatchedRoot();
    mkdirSync(join(root, "no/sub"), { recursive: true });
    const isExcluded = (path: string): boolean => path === "no" || path.startsWith("no/") || path.endsWith("/cache");
    const kit = await FanotifyKit.start([root], { mayContain: (_, directory) => !isExcluded(directory) });
    writeFileSync(join(root, "no/f"), "x");
    mkdirSync(join(root, "no/new"));
    mkdirSync(join(root, "d/cache"));
    writeFileSync(join(root, "d/cache/f"), "x");
    const unwanted = (): string[] => outlineFacts(kit.drain()).filter((line) => /(no|cache)\//.test(line) || /walk .*(no|cache)/.test(line));
    expect(unwanted()).toEqual([]);
    // From excluded to included and back.
    renameSync(join(root, "no/sub"), join(root, "sub"));
    expect(outlineFacts(kit.drain()).sort()).toEqual(["name sub", "walk sub"]);
    writeFileSync(join(root, "sub/f"), "x");
    expect(outlineFacts(kit.drain())).toEqual(["content sub/f"]);
    renameSync(join(root, "sub"), join(root, "no/sub"));
    kit.drain();
    writeFileSync(join(root, "no/sub/f"), "y");
    expect(kit.drain()).toEqual([]);
    // The same directory at another depth: excluded there, not here.
    renameSync(join(root, "d/cache"), join(root, "cache"));
    kit.drain();
    writeFileSync(join(root, "cache/f"), "y");
    expect(outlineFacts(kit.drain())).toEqual(["content cache/f"]);
    expect(unwanted()).toEqual([]);
  });

  test("are right about directories whose renames the kernel merged out of order", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root]);
    const rename = (from: string, to: string): void => renameSync(join(root, from), join(root, to));
    // The third is merged into the first: the last that is told is x -> d.
    for (const [from, to] of [
      ["d", "x"],
      ["x", "d"],
      ["d", "x"],
    ] as const)
      rename(from, to);
    kit.drain();
    writeFileSync(join(root, "x/sub/g"), "y");
    expect(outlineFacts(kit.drain())).toEqual(["content x/sub/g"]);
    // Out and in, and out again; in and out, and in again.
    const outside = "../outside";
    for (const [from, to] of [
      ["x", outside],
      [outside, "x"],
      ["x", outside],
    ] as const)
      rename(from, to);
    kit.drain();
    writeFileSync(join(root, outside, "sub/g"), "z");
    expect(kit.drain()).toEqual([]);
    for (const [from, to] of [
      [outside, "x"],
      ["x", outside],
      [outside, "x"],
    ] as const)
      rename(from, to);
    kit.drain();
    writeFileSync(join(root, "x/sub/g"), "w");
    expect(outlineFacts(kit.drain())).toEqual(["content x/sub/g"]);
    // Its removal is merged into its making, before the renames.
    const { directoriesWatched } = kit.source.coverage();
    mkdirSync(join(root, "n"));
    rename("n", "m");
    rename("m", "n");
    rmSync(join(root, "n"), { recursive: true });
    kit.drain();
    expect(kit.source.coverage().directoriesWatched).toBe(directoriesWatched);
    // Each into the other.
    rename("x", "e/x");
    rename("e/x", "x");
    rename("e", "x/e");
    rename("x/e", "e");
    rename("x", "e/x");
    kit.drain();
    writeFileSync(join(root, "e/x/sub/g"), "v");
    writeFileSync(join(root, "e/h"), "v");
    expect(outlineFacts(kit.drain()).sort()).toEqual(["content e/h", "content e/x/sub/g"]);
  });

  test("of several roots keep them apart, a move between them is a name in each", async () => {
    const first = makeWatchedRoot();
    const roots = [first, makeWatchedRoot(`${first}-2`), makeWatchedRoot()] as const;
    const kit = await FanotifyKit.start(roots);
    writeFileSync(join(roots[1], "d/f"), "y");
    renameSync(join(roots[0], "d/sub"), join(roots[1], "e/sub"));
    writeFileSync(join(roots[2], "d/f"), "y");
    expect(outlineFacts(kit.drain()).sort()).toEqual(["content 1:d/f", "content 2:d/f", "name 1:e/sub", "name d/sub", "walk 1:e/sub"]);
    writeFileSync(join(roots[1], "e/sub/g"), "y");
    expect(outlineFacts(kit.drain())).toEqual(["content 1:e/sub/g"]);
  });

  test("tell of what this very process writes as of anything else: what is applied here may be the source of a further target", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root]);
    writeFileSync(join(root, "d/own"), "x");
    expect(outlineFacts(kit.drain())).toEqual(["content d/own"]);
  });

  test("come by themselves, and drain has them at once", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root]);
    let calls = 0;
    kit.source.onFacts(() => calls++);
    writeFileSync(join(root, "woken"), "x");
    await expectSoon(kit, "content woken");
    expect(calls).toBeGreaterThan(0);
    for (let i = 0; i < 200; i++) {
      writeFileSync(join(root, `now${i}`), "x");
      expect(outlineFacts(kit.drain())).toContain(`content now${i}`);
    }
  });
});

describe.skipIf(NO_FANOTIFY !== null)(titled("the source", NO_FANOTIFY), () => {
  test("says when the root is another directory, and follows it", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root]);
    renameSync(root, `${root}-away`);
    mkdirSync(root);
    await expectSoon(kit, "lost ");
    writeFileSync(join(root, "f"), "x");
    await expectSoon(kit, "content f");
    rmSync(root, { recursive: true });
    renameSync(`${root}-away`, root);
    kit.facts.length = 0;
    await expectSoon(kit, "lost ");
    writeFileSync(join(root, "d/sub/g"), "y");
    await expectSoon(kit, "content d/sub/g");
  });

  test("overflow of the queue is a loss of everything, after which events are told again", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root], { isQueueUnlimited: false });
    // In one go, so that nobody reads meanwhile.
    for (let i = 0; i < 20_000; i++) writeFileSync(join(root, `e/f${i}`), "");
    renameSync(join(root, "d"), join(root, "z"));
    expect(kit.drain().filter(({ kind }) => kind === "lost")).toEqual([{ kind: "lost", root: 0, path: "", reason: "the kernel's event queue overflowed" }]);
    expect(kit.source.coverage().losses).toBe(1);
    writeFileSync(join(root, "z/sub/g"), "y");
    expect(outlineFacts(kit.drain())).toEqual(["content z/sub/g"]);
  });

  test("a queue is read in portions, counted, and thrown away", () => {
    const root = makeWatchedRoot();
    const feed = acquireFeed(new FeedBoard(), root);
    const { group } = feed;
    const events: FanotifyEvent[] = [];
    const queue = new EventQueue(
      feed,
      (event) => events.push(event),
      (reason) => expect.fail(reason),
    );
    const make = (count: number, prefix: string): void => {
      for (let i = 0; i < count; i++) writeFileSync(join(root, `e/${prefix}${i}`), "");
    };
    make(5000, "a");
    expect(countQueuedEvents(group)).toBe(5000);
    expect(queue.read(1)).toBe("more");
    expect(events.length).toBeGreaterThan(1000);
    expect(countQueuedEvents(group)).toBe(5000 - events.length);
    expect(queue.read(100)).toBe("empty");
    expect([events.length, queue.read(1)]).toEqual([5000, "empty"]);
    make(5000, "b");
    queue.discard(100);
    expect([countQueuedEvents(group), queue.read(100), events.length]).toEqual([0, "empty", 5000]);
    make(1, "c");
    expect([queue.read(1), events.at(-1)?.place?.name]).toEqual(["empty", "c0"]);
  });

  test("leaves no descriptor open, whatever it did", async () => {
    const root = makeWatchedRoot();
    const open = (): string[] => readdirSync("/proc/self/fd").flatMap((fd) => linkOf(`/proc/self/fd/${fd}`) ?? []);
    const inRoot = (): string[] => open().filter((link) => link.startsWith(root));
    const before = open().length;
    for (let i = 0; i < 5; i++) {
      const kit = await FanotifyKit.start([root]);
      for (let j = 0; j < 50; j++) {
        mkdirSync(join(root, `n${j}/m`), { recursive: true });
        renameSync(join(root, `n${j}`), join(root, `e/r${j}`));
        writeFileSync(join(root, `e/r${j}/m/x`), "x");
      }
      rmSync(join(root, "e"), { recursive: true });
      mkdirSync(join(root, "e"));
      kit.drain();
      expect(inRoot()).toEqual([]);
      await kit.source.close();
      await kit.source.close();
    }
    expect(open().length).toBe(before);
  });

  test("counts what it reads, and how fast", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root]);
    const before = kit.source.coverage().events;
    for (let i = 0; i < 500; i++) writeFileSync(join(root, `f${i}`), "x");
    kit.drain();
    expect(kit.source.coverage().events - before).toBeGreaterThanOrEqual(500);
    await eventually(() => expect(Number(/(\d+) events\/s/.exec(kit.source.coverage().why)?.[1])).toBeGreaterThan(100));
  });

  test("watches an open set of directories of which each is known once", async () => {
    const root = makeWatchedRoot();
    const kit = await FanotifyKit.start([root]);
    expect(kit.source.coverage()).toMatchObject({ directoriesWatched: 4, directoriesTotal: 4 });
    mkdirSync(join(root, "d/n"));
    rmSync(join(root, "e"), { recursive: true });
    kit.drain();
    expect(kit.source.coverage().directoriesWatched).toBe(4);
  });

  test("a process that closed its source ends by itself; one that is killed inside leaves nothing", () => {
    const root = makeWatchedRoot();
    const module = new URL("../../dist/capture/fanotify-source.js", import.meta.url).href;
    const script = (end: string): string => `const { FanotifySource } = await import(${JSON.stringify(module)});
      const scope = { roots: [{ index: 0, path: ${JSON.stringify(root)} }], mayContain: () => true };
      const source = await FanotifySource.open({ scope, walkSeconds: 1, pollWorker: new URL(${JSON.stringify(POLL_WORKER.href)}) });
      await source.arm();
      ${end}`;
    for (const [end, code] of [
      ["await source.close();", 0],
      ["process.exit(3);", 3],
    ] as const) {
      const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script(end)], { timeout: 20_000, encoding: "utf8" });
      expect([ended.status, ended.signal, ended.stderr]).toEqual([code, null, ""]);
    }
  });

  test("without the rights for it, says so", () => {
    const root = makeWatchedRoot();
    const probe = new URL("../../dist/capture/fanotify-probe.js", import.meta.url).href;
    const script = `process.setegid(65534); process.seteuid(65534);
      const { probeFanotify } = await import(${JSON.stringify(probe)});
      console.log(JSON.stringify(probeFanotify(${JSON.stringify(root)})));`;
    const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(JSON.parse(ended.stdout)).toEqual({ kind: "unusable", fsType: null, reason: "fanotify needs root (CAP_SYS_ADMIN)" });
  });
});

test.skipIf(NO_FANOTIFY !== null)(titled("a root that is the top of everything has facts relative to it", NO_FANOTIFY), async () => {
  const root = makeWatchedRoot();
  const inside = bytesFromText(root.slice(1)) as BytePath;
  const kit = await FanotifyKit.start(["/"], { mayContain: (_, directory) => isBelow(inside, directory) || isBelow(directory, inside) });
  writeFileSync(join(root, "d/f"), "y");
  expect(outlineFacts(kit.drain())).toContain(`content ${inside}/d/f`);
});
