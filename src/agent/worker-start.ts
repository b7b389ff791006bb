// Begins a source worker, and says with what.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { programFile } from "../base/program-files.js";
import { MiB } from "../base/units.js";
import { FeedBoard } from "../capture/feed-board.js";
import type { Config } from "../config/config.js";
import type { RootIdentity } from "../fs/root-identity.js";
import type { QueueLimits } from "../model/queue.js";
import type { SourceWorkerData } from "../model/source-messages.js";

export interface WorkerStartOptions {
  readonly repset: { readonly name: string };
  readonly roots: readonly (RootIdentity & { readonly path: string })[];
  /** Where they lie in the sense of the rules; absent = where they are. */
  readonly ruleRoots?: readonly string[];
  readonly config: Config;
  readonly limits: QueueLimits;
  readonly failpoint: string | null;
}

export interface SourceWorkerStart extends SourceWorkerData {
  /** Of each root. */
  readonly identities: readonly RootIdentity[];
}

const RELEASE_RETRY_MS = 50;

/** Descriptors belong to the process, and so do the marks that its sets share. */
const feeds = new FeedBoard();

/** `now`: what changes from one worker to the next. */
export function startWorker(options: WorkerStartOptions, now: Pick<SourceWorkerStart, "rules" | "lastSeq" | "pulse">): Worker {
  const { capture } = options.config;
  const workerData: SourceWorkerStart = {
    ...now,
    roots: options.roots.map(({ path }) => path),
    ruleRoots: options.ruleRoots ?? options.roots.map(({ path }) => path),
    identities: options.roots,
    signatureBytesMax: capture.signatureMiB * MiB,
    windowBytes: jobWindowBytes(options),
    capture: capture.source,
    watchesMax: capture.watchesMax,
    walkSeconds: capture.walkSeconds,
    auditSeconds: capture.auditSeconds,
    bookPath: bookPathOf(options),
    failpoint: options.failpoint,
    feeds: feeds.memory,
  };
  const worker = new Worker(programFile("agent/source-worker.js"), { workerData, trackUnmanagedFds: false });
  const { threadId } = worker;
  worker.once("exit", () => releaseFeeds(threadId));
  return worker;
}

/** Others share the marks of a worker that is gone, or nobody does. */
function releaseFeeds(threadId: number): void {
  if (!feeds.release(threadId)) setTimeout(() => releaseFeeds(threadId), RELEASE_RETRY_MS);
}

/** Of its directory book. */
export function bookPathOf({ config, repset }: WorkerStartOptions): string {
  return join(config.stateDir, "directories", `${createHash("sha256").update(repset.name).digest("hex").slice(0, 32)}.book`);
}

/** What a job has on its way is a part of what the queue holds: it would be the first to leave a queue that it filled. */
function jobWindowBytes({ config, limits }: WorkerStartOptions): number {
  const queueMiB = limits.diskMiB === null ? Number.POSITIVE_INFINITY : limits.memoryMiB + limits.diskMiB;
  return Math.min(config.transport.windowMiB, queueMiB / 4) * MiB;
}
