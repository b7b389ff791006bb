// What tests of the trace reader share.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { onTestFinished } from "vitest";
import { LiveContent } from "../../src/capture/live-content.js";
import type { SourceEngine } from "../../src/capture/source-engine.js";
import { TraceInstance } from "../../src/capture/trace-instance.js";
import { openDetachedMount } from "../../src/fs/detached-mount.js";
import { closeFd } from "../../src/fs/native.js";

let isPossible: boolean | undefined;

/** False, and said why once, where the kernel's trace events cannot be read: not root, no tracefs. */
export function canTrace(): boolean {
  if (isPossible !== undefined) return isPossible;
  try {
    TraceInstance.open({ bufferKiB: 64 }).close();
    isPossible = true;
  } catch (error) {
    console.warn(`skipped: ${error instanceof Error ? error.message : String(error)}`);
    isPossible = false;
  }
  return isPossible;
}

/** The engine takes its facts from `source`, and write ranges of its own from the kernel; these end with the test. */
export function attachContent(engine: SourceEngine, source: Parameters<SourceEngine["live"]["attach"]>[0]): LiveContent {
  const content = LiveContent.open(engine.trees);
  if ("reason" in content) throw new Error(content.reason);
  onTestFinished(() => content.close());
  engine.live.attach(source, content);
  return content;
}

/** This kernel knows the trace event. */
export function hasTraceEvent(system: string, event: string): boolean {
  const instance = TraceInstance.open({ bufferKiB: 64 });
  try {
    return instance.format(system, event) !== null;
  } finally {
    instance.close();
  }
}

export function hasFio(): boolean {
  return spawnSync("fio", ["--version"], { stdio: "ignore" }).status === 0;
}

/** Runs `look` with a path of tracefs, wherever that is mounted. */
export function withTracefs<T>(look: (path: string) => T): T {
  const fd = openDetachedMount({ type: "tracefs", source: "tracefs", isReadOnly: false, options: {} });
  if (fd < 0) throw new Error(`tracefs cannot be mounted: ${fd}`);
  try {
    return look(`/proc/self/fd/${fd}`);
  } finally {
    closeFd(fd);
  }
}

/** Trace instances of the process `pid`. */
export function listInstances(pid: number): string[] {
  return withTracefs((path) => readdirSync(`${path}/instances`).filter((name) => name.startsWith(`sm-${pid}-`)));
}
