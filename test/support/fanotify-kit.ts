// A fanotify source on real directories, drained when the test wants to know.

import { mkdirSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { EventFeed } from "../../src/capture/event-feed.js";
import { type MarkedMount, markMount, type Refusal } from "../../src/capture/fanotify-marks.js";
import { probeFanotify } from "../../src/capture/fanotify-probe.js";
import { type FanotifyOptions, FanotifySource } from "../../src/capture/fanotify-source.js";
import type { FeedBoard, FeedWish } from "../../src/capture/feed-board.js";
import { findMount, readMountTable } from "../../src/fs/mount-table.js";
import { bytesFromText, parentPath } from "../../src/model/byte-path.js";
import type { CaptureFact, CaptureScope } from "../../src/model/capture-port.js";
import { eventually } from "./eventually.js";
import { LoopImage } from "./loop-image.js";

export const POLL_WORKER = new URL("../../dist/capture/poll-worker.js", import.meta.url);

/** Why this account and kernel cannot run the tests; null = they can. */
export function whyNoFanotify(): string | null {
  const probe = probeFanotify("/");
  return probe.kind === "usable" || probe.fsType !== null ? null : probe.reason;
}

/** The title of tests that are left out says why. */
export function titled(name: string, whyNot: string | null): string {
  return whyNot === null ? name : `${name} (left out: ${whyNot})`;
}

/** The feed of the file system that a directory lies on, as one more reader; closed when the test has finished. */
export function acquireFeed(board: FeedBoard, root: string, options: Partial<FeedWish> = {}): EventFeed {
  const mount = findMount(readMountTable(), bytesFromText(root));
  if (mount === undefined) throw new Error(`${root} has no mount`);
  const mark = (group: number): MarkedMount | Refusal => markMount(group, bytesFromText(root), mount);
  const acquired = board.acquire({ device: mount.device, isUnlimited: true, mark, onLost: (reason) => expect.fail(reason), ...options });
  if (acquired.kind === "refused") throw new Error(acquired.reason);
  onTestFinished(() => acquired.feed.close());
  return acquired.feed;
}

/** Fanotify groups that a process has open. */
export function countGroups(pid: number): number {
  const fds = `/proc/${pid}/fd`;
  return readdirSync(fds).filter((fd) => {
    try {
      return readlinkSync(join(fds, fd)).includes("[fanotify]");
    } catch (error) {
      // Closed since.
      if (error instanceof Error && "code" in error) return false;
      throw error;
    }
  }).length;
}

export class FanotifyKit {
  readonly source: FanotifySource;
  /** Everything taken so far. */
  readonly facts: CaptureFact[] = [];

  private constructor(source: FanotifySource) {
    this.source = source;
  }

  /** Armed; closed when the test has finished. */
  static async start(roots: readonly string[], options: Partial<FanotifyOptions> & Partial<Pick<CaptureScope, "mayContain">> = {}): Promise<FanotifyKit> {
    const { mayContain = () => true, ...rest } = options;
    const scope: CaptureScope = { roots: roots.map((path, index) => ({ index, path })), mayContain };
    const source = await FanotifySource.open({ scope, walkSeconds: 0, pollWorker: POLL_WORKER, ...rest });
    onTestFinished(() => source.close());
    await source.arm();
    source.take(Number.POSITIVE_INFINITY);
    return new FanotifyKit(source);
  }

  /** Facts of everything that happened since the last call, as soon as it returns. */
  drain(): readonly CaptureFact[] {
    this.source.drain();
    return this.take();
  }

  take(): readonly CaptureFact[] {
    const facts = this.source.take(Number.POSITIVE_INFINITY);
    this.facts.push(...facts);
    return facts;
  }
}

/** One line per fact, without those about directories of which another fact names an entry: their times changed with it. */
export function outlineFacts(facts: readonly CaptureFact[]): string[] {
  const above = new Set(
    facts.flatMap((fact) => (fact.kind === "rename" ? [fact.path, fact.to] : [fact.path]).map((path) => `${fact.root}:${parentPath(path)}`)),
  );
  const told = facts.filter((fact) => fact.kind !== "attr" || !(fact.path === "" || above.has(`${fact.root}:${fact.path}`)));
  return told.map((fact) => {
    const root = fact.root === 0 ? "" : `${fact.root}:`;
    if (fact.kind === "rename") return `rename ${root}${fact.path} -> ${fact.to}`;
    if (fact.kind === "directory") return `${fact.recursive ? "walk" : "list"} ${root}${fact.path}`;
    return `${fact.kind} ${root}${fact.path}`;
  });
}

/** By default on a file system of its own: what others do must not count. */
export function makeWatchedRoot(root = join(LoopImage.open({ type: "tmpfs", sizeMiB: 64 }).path, "root")): string {
  for (const directory of ["d/sub", "e"]) mkdirSync(join(root, directory), { recursive: true });
  for (const file of ["a", "d/f", "d/sub/g", "e/h"]) writeFileSync(join(root, file), "x");
  return root;
}

/** Facts as they come by themselves, without a drain: what happened must wake the reader. */
export async function expectSoon(kit: FanotifyKit, fact: string): Promise<void> {
  await eventually(() => {
    kit.take();
    expect(outlineFacts(kit.facts)).toContain(fact);
  });
}
