// Worker thread of one replication set: the source engine, its capture source and the jobs.
// It begins when the roots are what was connected. When one is not any more it says so and ends: nothing is known of a
// root that comes back, so another worker begins anew.

import { parentPort, workerData } from "node:worker_threads";
import { toSmError } from "../base/errors.js";
import { armFailpointText, failpoint } from "../base/failpoint.js";
import { attachPulse } from "../base/pulse.js";
import { delay } from "../base/wait.js";
import type { OutgoingSet } from "../capture/set-writer.js";
import { SourceEngine } from "../capture/source-engine.js";
import { SourceTree } from "../capture/source-tree.js";
import type { RootIdentity } from "../fs/root-identity.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import type { SourceCommand, SourceEvent } from "../model/source-messages.js";
import { RestartMarks } from "./restart-marks.js";
import { type SourceCapture, startCapture } from "./source-capture.js";
import { SourceJobs } from "./source-jobs.js";
import type { SourceWorkerStart } from "./worker-start.js";

const ROOT_RETRY_MS = 1000;
/** A source that finds no rest for so long has no place for a task. */
const INSERT_MS_MAX = 60_000;
/** Of the changes that an audit found; the others are counted. */
const MISSED_SHOWN = 10;

const data = workerData as SourceWorkerStart;
const parent = parentPort;
if (parent === null) throw new Error("source-worker runs as a worker thread only");
attachPulse(data.pulse);
if (data.failpoint !== null) armFailpointText(data.failpoint);

const stop = new AbortController();
let engine: SourceEngine | null = null;
let jobs: SourceJobs | null = null;
let marks: RestartMarks | null = null;
/** Commands wait until the tree is known: a mirror of an unscanned tree would be empty. */
const early: SourceCommand[] = [];
let isReady = false;

function post(event: SourceEvent): void {
  parent?.postMessage(event);
}

function emit(set: OutgoingSet): void {
  marks?.beforeSet();
  const { bytes, ...rest } = set;
  const copy = bytes.byteOffset === 0 || bytes.buffer.byteLength - bytes.length < 128 * 1024 ? bytes : Buffer.from(bytes);
  const files = engine?.totals.files ?? 0;
  failpoint("capture.set.beforePost");
  parent?.postMessage({ kind: "set", ...rest, files, bytes: copy }, copy.buffer instanceof ArrayBuffer && copy.length > 0 ? [copy.buffer] : []);
}

function report(state: "Arming" | "Scanning" | "Watching"): void {
  const { files, bytes } = engine?.totals ?? { files: 0, bytes: 0 };
  post({ kind: "state", state, files, bytes });
}

function createEngine(): SourceEngine {
  return SourceEngine.create({
    roots: data.roots.map((path, index) => ({
      path,
      identity: data.identities[index] as RootIdentity,
      membership: new RepsetMatcher(data.rules, data.ruleRoots[index] ?? path),
    })),
    lastSeq: data.lastSeq,
    signatureBytesMax: data.signatureBytesMax,
    windowBytes: data.windowBytes,
    walkSeconds: data.walkSeconds,
    auditSeconds: data.auditSeconds,
    emit,
    onProblem: (root, path, code, message) => post({ kind: "problem", root, path, code, message }),
    onAskReceivers: (root, inode) => jobs?.checkEverywhere(root, inode),
    onMissed: (root, paths) => post({ kind: "missed", root, paths: paths.slice(0, MISSED_SHOWN), count: paths.length }),
  });
}

/** Runs the work; a root that is missing or another one ends it, and is said. Any other error is thrown. */
async function sayingHalt<T>(work: () => T | Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = toSmError(error);
    if (code !== "ROOT_MISSING" && code !== "ROOT_CHANGED") throw error;
    post({ kind: "halt", error: { code, message } });
    return null;
  }
}

/** Takes hold of the roots as soon as all are what they must be; null when it was stopped before. */
async function takeHold(): Promise<SourceEngine | null> {
  for (let held = await sayingHalt(createEngine); ; held = await sayingHalt(createEngine)) {
    if (held !== null || !(await delay(ROOT_RETRY_MS, stop.signal))) return held;
  }
}

async function obey(command: SourceCommand): Promise<void> {
  if (command.kind === "stop") {
    stop.abort();
    return;
  }
  if (!isReady || engine === null || jobs === null) {
    early.push(command);
    return;
  }
  switch (command.kind) {
    case "accepted":
      engine.credits.accepted(command.bytes);
      break;
    case "applied":
    case "channel":
      engine.credits.applied(command.connectionId, command.seq);
      jobs.obey(command);
      break;
    case "pace":
      engine.credits.pace(command.connectionId, command.bytesPerSecond);
      break;
    case "sent":
      engine.credits.sent(command.connectionId, command.seq);
      break;
    case "scan":
      marks?.answer(command);
      break;
    case "cut":
      engine.live.wantCut();
      break;
    case "barrier":
      post({ kind: "barrier", id: command.id, seq: await engine.barrier(command.connectionId) });
      break;
    case "insert": {
      const { connectionId, task } = command;
      const terms = { isExact: task.deed === "run" && task.onExecute !== null, timeoutMs: task.deed === "run" ? INSERT_MS_MAX : Number.POSITIVE_INFINITY };
      post({ kind: "inserted", id: command.id, seq: await engine.insert(connectionId, task, terms) });
      break;
    }
    case "lost":
      engine.credits.lost(command.connectionId, command.fromSeq, command.toSeq);
      jobs.obey(command);
      // The set that ends what a target holds may be among them.
      engine.live.wantCut();
      break;
    case "probe":
      post({ kind: "probe", id: command.id, ...jobs.probe(command.connectionId) });
      break;
    case "explain":
      post({ kind: "explained", id: command.id, knowledge: jobs.explain(command.root, command.path) });
      return;
    default:
      jobs.obey(command);
  }
  engine.wake();
}

async function serve(hold: SourceEngine, { content }: SourceCapture): Promise<void> {
  report("Scanning");
  hold.scan();
  const restarts = RestartMarks.open({ data, engine: hold, content, idle: () => jobs?.idle() ?? [], post });
  marks = restarts;
  hold.onPause = () => restarts.look();
  report("Watching");
  isReady = true;
  // What the worker before left open is ended: a target would hold it, and all that comes behind it.
  hold.live.wantCut();
  for (const command of early.splice(0)) void obey(command);
  const ticker = setInterval(() => {
    jobs?.reportProgress();
    report("Watching");
    // A mark is taken between passes.
    hold.wake();
  }, 250);
  try {
    await hold.run(stop.signal);
  } finally {
    clearInterval(ticker);
    restarts.close();
  }
}

parent.on("message", (command: SourceCommand) => void obey(command));
const held = await takeHold();
if (held !== null) {
  engine = held;
  jobs = new SourceJobs(held, new SourceTree(held), post);
  report("Arming");
  const arming = startCapture({
    data,
    engine: held,
    onCoverage: (coverage) => post({ kind: "coverage", coverage, audit: engine?.live.hasRanges === true ? engine.audit.figures : null }),
    // Nothing more would be noticed: this worker ends, and the next begins anew.
    onDeath: (error) => {
      throw error;
    },
  });
  const stopped = new Promise<null>((resolve) => stop.signal.addEventListener("abort", () => resolve(null), { once: true }));
  const capture = await Promise.race([arming, stopped]);
  // Stopped while it was still arming: a descriptor that nobody closes would gather events for ever.
  if (capture === null) {
    await (await arming.catch(() => null))?.close();
    process.exit();
  }
  try {
    if (!stop.signal.aborted) await sayingHalt(() => serve(held, capture));
  } finally {
    await capture.close();
  }
}
parent.close();
