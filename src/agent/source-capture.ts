// How the engine of a set gets to know what happens: from a source that is read in this thread, with the write ranges where
// they can be had, or from one that runs in a thread of its own.

import { MessageChannel, Worker } from "node:worker_threads";
import { SmError, toSmError } from "../base/errors.js";
import { programFile } from "../base/program-files.js";
import { chooseKind, openFanotify } from "../capture/choose-source.js";
import { FeedBoard } from "../capture/feed-board.js";
import { LiveContent } from "../capture/live-content.js";
import type { SourceEngine } from "../capture/source-engine.js";
import type { CaptureCoverage, CaptureFact } from "../model/capture-port.js";
import type { SourceWorkerData } from "../model/source-messages.js";
import { captureScopeOf } from "./capture-scope.js";
import type { CaptureWorkerData } from "./capture-worker.js";
import { coverageWithRanges } from "./range-coverage.js";

export interface SourceCapture {
  /** Null: nobody tells what is written. */
  readonly content: LiveContent | null;
  /** Stops; nothing is told any more. */
  close(): Promise<void>;
}

export interface SourceCaptureOptions {
  readonly data: SourceWorkerData;
  readonly engine: SourceEngine;
  readonly onCoverage: (coverage: CaptureCoverage) => void;
  /** It ended by itself. */
  readonly onDeath: (error: SmError) => void;
}

const COVERAGE_MS = 1000;
const CLOSE_MS = 500;
/** Writes of which no other event tells (asynchronous ones) wait at most this long. */
const LOOK_MS = 20;
const SURVEY_MS = 30_000;

/** Armed when it resolves: what happens from now on is told to the engine, whose trees may be scanned. */
export async function startCapture(options: SourceCaptureOptions): Promise<SourceCapture> {
  const scope = captureScopeOf(options.data);
  const choice = chooseKind(options.data.capture, scope);
  return choice.kind === "fanotify" ? startOwn(options) : startWatcher(options, choice.kind, choice.why);
}

async function startOwn({ data, engine, onCoverage }: SourceCaptureOptions): Promise<SourceCapture> {
  const source = await openFanotify({
    scope: captureScopeOf(data),
    walkSeconds: data.walkSeconds,
    pollWorker: programFile("capture/poll-worker.js"),
    board: new FeedBoard(data.feeds),
  });
  let content: LiveContent | null = null;
  try {
    await source.arm();
    const opened = openContent(engine);
    content = opened.content;
    const report = (): void => onCoverage(coverageWithRanges(source.coverage(), content, opened.why));
    report();
    engine.live.attach(source, content);
    source.onFacts(() => engine.wake());
    const timers = [setInterval(report, COVERAGE_MS)];
    if (content !== null) timers.push(...watch(engine, content));
    return {
      content,
      async close() {
        for (const timer of timers) clearInterval(timer);
        content?.close();
        await source.close();
      },
    };
  } catch (error) {
    content?.close();
    await source.close();
    throw error;
  }
}

function openContent(engine: SourceEngine): { content: LiveContent | null; why: string } {
  try {
    const content = LiveContent.open(engine.trees);
    return "reason" in content ? { content: null, why: content.reason } : { content, why: "" };
  } catch (error) {
    const failure = toSmError(error);
    if (failure.code !== "UNSUPPORTED") throw failure;
    return { content: null, why: failure.message };
  }
}

function watch(engine: SourceEngine, content: LiveContent): NodeJS.Timeout[] {
  content.survey();
  return [setInterval(() => engine.wake(), LOOK_MS), setInterval(() => content.watch(), COVERAGE_MS), setInterval(() => content.survey(), SURVEY_MS)];
}

async function startWatcher(
  { data, engine, onCoverage, onDeath }: SourceCaptureOptions,
  kind: "chokidar" | "walk",
  why: string | null,
): Promise<SourceCapture> {
  const { port1, port2 } = new MessageChannel();
  const workerData: CaptureWorkerData = { source: data, port: port2, kind, why };
  const worker = new Worker(programFile("agent/capture-worker.js"), { workerData, transferList: [port2] });
  let isClosing = false;
  await new Promise<void>((resolve, reject) => {
    port1.on("message", (message: { facts?: CaptureFact[]; armed?: boolean; coverage?: CaptureCoverage }) => {
      if (message.facts !== undefined) engine.pushFacts(message.facts);
      if (message.coverage !== undefined) onCoverage(message.coverage);
      if (message.armed === true) resolve();
    });
    let failure = new SmError("WORKER_DIED", `the thread of the ${kind} source ended`);
    worker.once("error", (error) => {
      failure = toSmError(error, "WORKER_DIED", `the thread of the ${kind} source`);
      reject(failure);
    });
    worker.once("exit", () => {
      if (!isClosing) onDeath(failure);
      resolve();
    });
  });
  return {
    content: null,
    async close() {
      isClosing = true;
      worker.postMessage("close");
      await new Promise((resolve) => {
        worker.once("exit", resolve);
        setTimeout(() => void worker.terminate(), CLOSE_MS).unref();
      });
    },
  };
}
