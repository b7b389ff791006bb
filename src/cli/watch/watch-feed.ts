// What the live view learns from the agent: it waits for changes (status.wait) and never asks again at once. An agent that goes away
// is waited for.

import { SmError } from "../../base/errors.js";
import { delay } from "../../base/wait.js";
import { isJobOver } from "../../model/job.js";
import type { AgentApi } from "../agent-api.js";
import type { Look } from "./watch-message.js";
import type { WatchEvent } from "./watch-model.js";

/** Figures that grow by themselves, such as a lag, are asked for anew this often; otherwise only a change is news. */
const BUSY_MS = 2_000;
const IDLE_MS = 25_000;
/** Between two looks, however much changes. */
const PAUSE_MS = 500;
/** Between two tries to reach an agent that is gone. */
const RETRY_MS = 1_000;

export interface WatchFeed {
  readonly api: AgentApi;
  readonly signal: AbortSignal;
  emit(event: WatchEvent): void;
}

export async function takeLook(api: AgentApi, signal?: AbortSignal): Promise<Look> {
  const options = signal === undefined ? {} : { signal };
  const report = await api.call("status", {}, options);
  const { jobs } = await api.call("job.list", {}, options);
  return { report, jobs };
}

/** Runs until the signal aborts. */
export async function feedWatch({ api, signal, emit }: WatchFeed, first: Look): Promise<void> {
  let look: Look | null = first;
  while (!signal.aborted) {
    try {
      look = look === null ? await takeLook(api, signal) : await nextLook(api, look, signal);
      emit({ kind: "look", look, atMs: Date.now() });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof SmError)) throw error;
      emit({ kind: "lost", why: error.message, atMs: Date.now() });
      look = null;
    }
    await delay(look === null ? RETRY_MS : PAUSE_MS, signal);
  }
}

async function nextLook(api: AgentApi, before: Look, signal: AbortSignal): Promise<Look> {
  const timeoutMs = isBusy(before) ? BUSY_MS : IDLE_MS;
  const report = await api.call("status.wait", { since: before.report.index, timeoutMs }, { signal });
  const { jobs } = await api.call("job.list", {}, { signal });
  return { report, jobs };
}

function isBusy({ report, jobs }: Look): boolean {
  const moves = report.connections.some(({ queuedOps, lagMs, mirror }) => queuedOps > 0 || lagMs > 0 || mirror.outcome === "running");
  return moves || jobs.some((job) => !isJobOver(job));
}
