// One mark that several sets read, each at its own pace: none misses what another took. Needs root.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, onTestFinished, test } from "vitest";
import type { EventFeed } from "../../src/capture/event-feed.js";
import { EventQueue } from "../../src/capture/event-queue.js";
import { FeedBoard, type FeedWish } from "../../src/capture/feed-board.js";
import { POLL_IN, pollFds } from "../../src/fs/fanotify.js";
import { eventually } from "../support/eventually.js";
import { acquireFeed, countGroups, FanotifyKit, makeWatchedRoot, outlineFacts, titled, whyNoFanotify } from "../support/fanotify-kit.js";
import { canMountImages, LoopImage } from "../support/loop-image.js";

const NO_FANOTIFY = whyNoFanotify();
const DIST = new URL("../../dist/", import.meta.url);

interface Reader {
  readonly feed: EventFeed;
  readonly names: string[];
  readonly losses: string[];
  read(): readonly string[];
}

function openReader(board: FeedBoard, root: string, options: Partial<FeedWish> = {}): Reader {
  const [names, losses]: string[][] = [[], []];
  const onLost = (reason: string): void => void losses?.push(reason);
  const feed = acquireFeed(board, root, { onLost, ...options });
  const queue = new EventQueue(feed, ({ place }) => names?.push(place?.name ?? ""), onLost);
  const read = (): readonly string[] => {
    names?.splice(0);
    expect(queue.read(10_000)).toBe("empty");
    return [...new Set(names)];
  };
  return { feed, names: names as string[], losses: losses as string[], read };
}

function write(root: string, ...names: readonly string[]): void {
  for (const name of names) writeFileSync(join(root, name), name);
}

const groups = (): number => countGroups(process.pid);

/** What memory the log of a feed takes; 0 = there is none. */
function logKiB(): number {
  for (const fd of readdirSync("/proc/self/fd")) {
    const path = `/proc/self/fd/${fd}`;
    try {
      if (readlinkSync(path).includes("memfd:sm-events"))
        return Number(execFileSync("stat", ["-Lc", "%b", `/proc/${process.pid}/fd/${fd}`], { encoding: "utf8" })) / 2;
    } catch {
      // As above.
    }
  }
  return 0;
}

const isReadable = (fd: number): boolean => {
  const ready = pollFds([{ fd, events: POLL_IN }], 0);
  return typeof ready !== "number" && ready[0] !== 0;
};

/** A thread that does `deed`, and ends with the test; resolves when it says something. */
async function startThread(board: FeedBoard, root: string, deed: string): Promise<{ readonly worker: Worker; readonly threadId: number }> {
  const script = `const { workerData, parentPort } = require("node:worker_threads");
    const say = (word = "") => parentPort.postMessage(word);
    const stay = () => setInterval(() => undefined, 1000);
    (async () => {
      const load = (name) => import(new URL(name, workerData.dist).href);
      const [{ FeedBoard }, { FeedSlot }, { findMount, readMountTable }, { markMount }] = await Promise.all(
        ["capture/feed-board.js", "capture/feed-slot.js", "fs/mount-table.js", "capture/fanotify-marks.js"].map(load));
      const board = new FeedBoard(workerData.memory);
      const slot = new FeedSlot(workerData.memory, 0);
      const mount = findMount(readMountTable(), workerData.root);
      const mark = (group) => markMount(group, workerData.root, mount);
      const acquire = () => board.acquire({ device: mount.device, isUnlimited: true, mark, onLost: () => undefined });
      ${deed}
    })();`;
  const worker = new Worker(script, { eval: true, workerData: { dist: DIST.href, memory: board.memory, root } });
  const { threadId } = worker;
  onTestFinished(async () => {
    await worker.terminate();
    board.release(threadId);
  });
  await once(worker, "message");
  return { worker, threadId };
}

const END_IN_THE_MIDDLE = "acquire(); slot.lock.enter(); say(); stay();";
/** Waits for the lock as busily as can be, says what the first reader is told, and has it for a while. */
const READ_NEXT = `say();
  const ints = new Int32Array(workerData.memory, 8);
  while (Atomics.compareExchange(ints, 0, 0, 99) !== 0);
  const flags = slot.flagsOf(0);
  Atomics.wait(ints, 1, ints[1], 60);
  Atomics.store(ints, 0, 0);
  say(flags);
  stay();`;

describe.skipIf(NO_FANOTIFY !== null)(titled("a mark that is shared", NO_FANOTIFY), () => {
  test("is one group; each reader has every event, whoever took it from the kernel, and the last closes it", () => {
    const root = makeWatchedRoot();
    const board = new FeedBoard();
    const before = groups();
    const [a, b] = [openReader(board, root), openReader(board, root)];
    expect([groups(), a.feed.group, a.feed.readers]).toEqual([before + 1, b.feed.group, 2]);
    write(root, "one");
    expect(a.read()).toEqual(["one"]);
    write(root, "two");
    expect(b.read()).toEqual(["one", "two"]);
    write(root, "three");
    expect([a.read(), b.read(), a.read(), b.read()]).toEqual([["two", "three"], ["three"], [], []]);
    const c = openReader(board, root);
    a.feed.close();
    write(root, "four");
    expect([b.read(), c.read(), groups()]).toEqual([["four"], ["four"], before + 1]);
    for (const { feed } of [b, b, c]) feed.close();
    expect([groups(), logKiB()]).toEqual([before, 0]);
    expect(openReader(board, root).feed.readers).toBe(1);
  });

  test("tells who has nothing to read that there is something now", () => {
    const root = makeWatchedRoot();
    const board = new FeedBoard();
    const [a, b] = [openReader(board, root), openReader(board, root)];
    const readable = (): boolean[] => [isReadable(a.feed.group), isReadable(a.feed.wakeFd), isReadable(b.feed.wakeFd)];
    expect(readable()).toEqual([false, false, false]);
    write(root, "one");
    expect(readable()).toEqual([true, false, false]);
    a.read();
    expect(readable()).toEqual([false, false, true]);
    write(root, "two");
    a.read();
    expect(b.read()).toEqual(["one", "two"]);
    expect(readable()).toEqual([false, false, false]);
  });

  test("keeps in memory what is not read yet, gives it back, and throws away what is too much, which is said", () => {
    const root = makeWatchedRoot(join(LoopImage.open({ type: "tmpfs", sizeMiB: 1024 }).path, "root"));
    const board = new FeedBoard();
    const reads = (reader: Reader, prefix: string): number => reader.read().filter((name) => name.startsWith(prefix)).length;
    const fill = (prefix: string): void => write(root, ...Array.from({ length: 20_000 }, (_, at) => `${prefix}${at}`));
    const options = { logBytesMax: 3 * 1024 * 1024 };
    const [a, b] = [openReader(board, root, options), openReader(board, root, options)];
    fill("x");
    expect(reads(a, "x")).toBe(20_000);
    const held = logKiB();
    expect(held).toBeGreaterThan(1024);
    expect(b.feed.countWaiting()).toBeGreaterThan(10_000);
    expect([reads(b, "x"), b.losses]).toEqual([20_000, []]);
    expect(logKiB()).toBeLessThan(held - 1024);
    for (const prefix of ["y", "z", "q"]) {
      fill(prefix);
      expect(reads(a, prefix)).toBe(20_000);
    }
    expect(logKiB()).toBeLessThan(5 * 1024);
    write(root, "last");
    expect(b.read()).toContain("last");
    expect(b.losses).toEqual(["events that another set had read were not taken in time"]);
    write(root, "after");
    expect([a.read(), b.read(), b.losses.length]).toEqual([["last", "after"], ["after"], 1]);
  });

  test("is read by others when a thread ends in the middle of a read: they are told of a loss", async () => {
    const root = makeWatchedRoot();
    const board = new FeedBoard();
    const reader = openReader(board, root);
    const { worker, threadId } = await startThread(board, root, END_IN_THE_MIDDLE);
    expect(board.release(threadId + 1)).toBe(false);
    await worker.terminate();
    expect(board.release(threadId)).toBe(true);
    expect(isReadable(reader.feed.wakeFd)).toBe(true);
    write(root, "one");
    expect([reader.read(), reader.losses.length, reader.feed.readers]).toEqual([["one"], 1, 1]);
  });

  test("tells of the loss before another thread that waits has read anything", async () => {
    const root = makeWatchedRoot();
    const board = new FeedBoard();
    const reader = openReader(board, root);
    const { worker, threadId } = await startThread(board, root, END_IN_THE_MIDDLE);
    const next = await startThread(board, root, READ_NEXT);
    const flags = once(next.worker, "message");
    await worker.terminate();
    await eventually(() => expect(board.release(threadId)).toBe(true));
    expect((await flags)[0]).not.toBe(0);
    expect([reader.read(), reader.losses.length]).toEqual([[], 1]);
  });

  test("is released although another thread, which comes to join it, waits for the one that ended", async () => {
    const root = makeWatchedRoot();
    const board = new FeedBoard();
    const reader = openReader(board, root);
    const { worker, threadId } = await startThread(board, root, END_IN_THE_MIDDLE);
    const joining = await startThread(board, root, "say(); acquire(); stay();");
    const boardLock = new Int32Array(board.memory);
    await eventually(() => expect(boardLock[0]).toBe(joining.threadId + 1));
    await worker.terminate();
    await eventually(() => expect(board.release(threadId)).toBe(true));
    write(root, "one");
    expect([reader.read(), reader.losses.length, reader.feed.readers]).toEqual([["one"], 1, 2]);
  });

  test.runIf(canMountImages("ext4"))("is given up with its file system, and each set learns that it was away", async () => {
    const image = LoopImage.open({ type: "ext4", sizeMiB: 32 });
    const root = makeWatchedRoot(join(image.path, "root"));
    const board = new FeedBoard();
    const kits = [await FanotifyKit.start([root], { board }), await FanotifyKit.start([root], { board })];
    expect(kits.map(({ source }) => source.coverage().why)).toEqual(kits.map(() => expect.stringContaining("a mark shared by 2 sets")));
    image.unmount();
    image.mount();
    write(root, "unseen");
    for (const { source } of kits) source.hurry();
    for (const kit of kits) {
      expect(kit.drain()).toEqual([{ kind: "lost", root: 0, path: "", reason: "the root was mounted anew or is another directory" }]);
    }
    writeFileSync(join(root, "d/f"), "y");
    expect(kits.map((kit) => outlineFacts(kit.drain()))).toEqual([["content d/f"], ["content d/f"]]);
    expect(kits[0]?.source.coverage().why).toContain("a mark shared by 2 sets");
    expect(readFileSync(join(root, "unseen"), "utf8")).toBe("unseen");
  });
});
