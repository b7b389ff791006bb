// Worker thread: one capture source; its facts go straight to the source worker over a message port.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { chooseSource } from "../capture/choose-source.js";
import type { CaptureScope } from "../model/capture-port.js";
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

const capture = await chooseSource({
  choice: source.capture,
  scope,
  watchesMax: source.watchesMax,
  walkSeconds: source.walkSeconds,
  pollWorker: new URL("../capture/poll-worker.js", import.meta.url),
});
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
