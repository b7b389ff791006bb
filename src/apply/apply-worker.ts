// The thread of one connection's target: see apply-host.ts.

import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { assert } from "../base/assert.js";
import { armFailpointText } from "../base/failpoint.js";
import { attachPulse } from "../base/pulse.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import type { PathMatcher } from "./apply-context.js";
import { ApplyEngine } from "./apply-engine.js";
import { applyFault } from "./apply-fault.js";
import { ApplyHost } from "./apply-host.js";
import type { ApplyWorkerData, FromApplyWorker, ToApplyWorker } from "./apply-messages.js";
import { HostTasks } from "./host-tasks.js";
import { WorkerOrphanDesk } from "./orphan-desk.js";
import type { OrphanNews } from "./orphan-log.js";
import { timingOf } from "./quarantine-timing.js";
import { Stage } from "./stage.js";

function openHost(port: MessagePort, data: ApplyWorkerData, post: (message: FromApplyWorker) => void): ApplyHost {
  const { stateDirectory, stageBytesMax: bytesMax, isSynced, retryInitialMs, retryMaxMs, isPaused } = data;
  const matchers = data.ruleRoots.map((root) => new RepsetMatcher(data.rules, root));
  const timing = timingOf(data);
  const { refusals, limitMs: retryLimitMs } = data.quarantine;
  const tell = (gone: OrphanNews["gone"], totals: OrphanNews["totals"]): void => post({ kind: "orphans", gone, totals });
  const orphans = new WorkerOrphanDesk({ policy: data.orphans, mappings: data.mappings, stateDirectory, tell });
  const matcher: PathMatcher = (root, path, isDirectory) => matchers[root]?.decide(path, isDirectory) ?? false;
  const tasks = new HostTasks(post);
  const engine = ApplyEngine.open({ ...data, refusals, timing, orphans, tasks, matcher });
  const stage = Stage.open({ stateDirectory, bytesMax, isSynced, applied: { epoch: engine.epoch, seq: engine.appliedSeq } });
  const receive = (): ToApplyWorker | undefined => receiveMessageOnPort(port)?.message as ToApplyWorker | undefined;
  const timings = { retryInitialMs, retryMaxMs, timing, retryLimitMs };
  return new ApplyHost({ engine, stage, tasks, ...timings, isPaused, post, receive, onClosed: () => port.close() });
}

function run(port: MessagePort): void {
  const data = workerData as ApplyWorkerData;
  attachPulse(data.pulse);
  if (data.failpoint !== null) armFailpointText(data.failpoint);
  const post = (message: FromApplyWorker): void => port.postMessage(message);
  try {
    const host = openHost(port, data, post);
    if (!host.recover()) return;
    host.begin(data.epoch);
    port.on("message", (message: ToApplyWorker) => host.take(message));
  } catch (error) {
    const { code, message } = applyFault(error);
    post({ kind: "failed", error: { code, message }, disks: [] });
  }
}

assert(parentPort !== null, "apply-worker runs as a worker thread");
run(parentPort);
