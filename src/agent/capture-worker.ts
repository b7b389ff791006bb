// Worker thread: one capture source; its facts go straight to the source worker over a message port.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { ChokidarSource } from "../capture/chokidar-source.js";
import { WalkSource } from "../capture/walk-source.js";
import type { CaptureScope, CaptureSource } from "../model/capture-port.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import type { SourceWorkerData } from "../model/source-messages.js";

interface CaptureWorkerData {
  readonly source: SourceWorkerData;
  readonly port: MessagePort;
}

const FACTS_PER_MESSAGE = 20_000;
const COVERAGE_MS = 1000;

const { source, port } = workerData as CaptureWorkerData;
const matchers = source.roots.map((root) => new RepsetMatcher(source.rules, root));
const scope: CaptureScope = {
  roots: source.roots.map((path, index) => ({ index, path })),
  mayContain: (root, directory) => matchers[root]?.mayContain(directory) ?? false,
};

async function open(): Promise<CaptureSource> {
  if (source.capture === "walk") return new WalkSource({ scope, walkSeconds: source.walkSeconds });
  return ChokidarSource.open({ scope, watchesMax: source.watchesMax, walkSeconds: Math.min(source.walkSeconds || 10, 10) });
}

const capture = await open();
let isScheduled = false;

function hand(): void {
  isScheduled = false;
  const facts = capture.take(FACTS_PER_MESSAGE);
  if (facts.length === 0) return;
  port.postMessage({ facts });
  if (facts.length === FACTS_PER_MESSAGE) schedule();
}

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(hand);
}

capture.onFacts(schedule);
await capture.arm();
port.postMessage({ armed: true, coverage: capture.coverage() });
const coverageTimer = setInterval(() => port.postMessage({ coverage: capture.coverage() }), COVERAGE_MS);
parentPort?.once("message", async () => {
  clearInterval(coverageTimer);
  await capture.close();
  port.close();
});
