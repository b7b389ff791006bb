// Worker thread: one capture source; its facts go straight to the source worker over a message port.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { openWatcher } from "../capture/choose-source.js";
import type { SourceWorkerData } from "../model/source-messages.js";
import { captureScopeOf } from "./capture-scope.js";

export interface CaptureWorkerData {
  readonly source: SourceWorkerData;
  readonly port: MessagePort;
  readonly kind: "chokidar" | "walk";
  readonly why: string | null;
}

const FACTS_PER_MESSAGE = 20_000;
const COVERAGE_MS = 1000;

const { source, port, kind, why } = workerData as CaptureWorkerData;
const capture = await openWatcher(kind, why, { scope: captureScopeOf(source), watchesMax: source.watchesMax, walkSeconds: source.walkSeconds });
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
