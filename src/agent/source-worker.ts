// Worker thread of one replication set: the source engine, its capture source (in a thread of its own) and the jobs.

import { MessageChannel, parentPort, Worker, workerData } from "node:worker_threads";
import { toSmError } from "../base/errors.js";
import { armFailpointText } from "../base/failpoint.js";
import type { OutgoingSet } from "../capture/set-writer.js";
import { type EngineOptions, SourceEngine } from "../capture/source-engine.js";
import { SourceTree } from "../capture/source-tree.js";
import type { CaptureCoverage, CaptureFact } from "../model/capture-port.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import type { SourceCommand, SourceEvent, SourceWorkerData } from "../model/source-messages.js";
import { SourceJobs } from "./source-jobs.js";

const data = workerData as SourceWorkerData;
const parent = parentPort;
if (parent === null) throw new Error("source-worker runs as a worker thread only");
if (data.failpoint !== null) armFailpointText(data.failpoint);

function post(event: SourceEvent): void {
  parent?.postMessage(event);
}

function emit(set: OutgoingSet): void {
  const { bytes, ...rest } = set;
  const copy = bytes.byteOffset === 0 || bytes.buffer.byteLength - bytes.length < 128 * 1024 ? bytes : Buffer.from(bytes);
  parent?.postMessage({ kind: "set", ...rest, bytes: copy }, copy.buffer instanceof ArrayBuffer && copy.length > 0 ? [copy.buffer] : []);
}

/** A root that cannot be taken hold of is no defect: the main thread is told, and tries again with a new worker. */
function createEngine(options: EngineOptions): SourceEngine {
  try {
    return SourceEngine.create(options);
  } catch (error) {
    const { code, message } = toSmError(error);
    post({ kind: "halt", error: { code, message } });
    process.exit(0);
  }
}

const engine = createEngine({
  roots: data.roots.map((path) => ({ path, membership: new RepsetMatcher(data.rules, path) })),
  lastSeq: data.lastSeq,
  signatureBytesMax: data.signatureBytesMax,
  windowBytes: data.windowBytes,
  walkSeconds: data.walkSeconds,
  emit,
  onProblem: (root, path, code, message) => post({ kind: "problem", root, path, code, message }),
  onHalt: (error) => post({ kind: "halt", error: error === null ? null : { code: error.code, message: error.message } }),
  onAskReceivers: (root, path) => jobs.repairEverywhere(root, path),
});
const jobs = new SourceJobs(engine, new SourceTree(engine), post);
const stop = new AbortController();

async function obey(command: SourceCommand): Promise<void> {
  switch (command.kind) {
    case "accepted":
      engine.credits.accepted(command.bytes);
      break;
    case "applied":
      engine.credits.applied(command.connectionId, command.seq);
      break;
    case "barrier":
      post({ kind: "barrier", id: command.id, seq: await engine.barrier(command.connectionId) });
      break;
    case "probe":
      post({ kind: "probe", id: command.id, ...jobs.probe(command.connectionId) });
      break;
    case "stop":
      stop.abort();
      break;
    default:
      jobs.obey(command);
  }
  engine.wake();
}

function startCapture(onArmed: () => void): Worker {
  const { port1, port2 } = new MessageChannel();
  port1.on("message", (message: { facts?: CaptureFact[]; armed?: boolean; coverage?: CaptureCoverage }) => {
    if (message.facts !== undefined) engine.pushFacts(message.facts);
    if (message.coverage !== undefined) post({ kind: "coverage", coverage: message.coverage });
    if (message.armed) onArmed();
  });
  return new Worker(new URL("./capture-worker.js", import.meta.url), { workerData: { source: data, port: port2 }, transferList: [port2] });
}

function report(state: "Arming" | "Scanning" | "Watching"): void {
  const { files, bytes } = engine.totals;
  post({ kind: "state", state, files, bytes });
}

// Commands wait until the tree is known: a mirror of an unscanned tree would be empty.
const early: SourceCommand[] = [];
let isReady = false;
parent.on("message", (command: SourceCommand) => {
  if (isReady || command.kind === "stop") void obey(command);
  else early.push(command);
});

report("Arming");
let capture: Worker | null = null;
await new Promise<void>((resolve, reject) => {
  capture = startCapture(resolve);
  capture.once("error", reject);
  stop.signal.addEventListener("abort", () => resolve(), { once: true });
});
if (!stop.signal.aborted) {
  report("Scanning");
  engine.scan();
  report("Watching");
  isReady = true;
  for (const command of early.splice(0)) void obey(command);
  const ticker = setInterval(() => {
    jobs.reportProgress();
    report("Watching");
  }, 250);
  await engine.run(stop.signal);
  clearInterval(ticker);
}
const capturing = capture as Worker | null;
if (capturing !== null) {
  capturing.postMessage("close");
  await new Promise((resolve) => {
    capturing.once("exit", resolve);
    setTimeout(() => void capturing.terminate(), 500).unref();
  });
}
parent.close();
