// The thread that syncs is never ended from outside: while it loads native code that would end the process. When it syncs.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { DurablePoint } from "../../src/apply/apply-outcome.js";
import { Durability } from "../../src/apply/durability.js";
import { makeTempDirectory } from "../support/temp-tree.js";

/** Takes its time to load, and leaves a file when it has been told to end. */
const SLOW = (loaded: string, told: string): string => `
import { parentPort } from "node:worker_threads";
import { writeFileSync } from "node:fs";
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
writeFileSync(${JSON.stringify(loaded)}, "");
parentPort.on("message", ({ kind }) => {
  if (kind !== "close") return;
  writeFileSync(${JSON.stringify(told)}, "");
  parentPort.close();
});`;

test("closed while it loads, it loads to the end and is told", async () => {
  const directory = makeTempDirectory();
  const [worker, loaded, told] = [join(directory, "worker.mjs"), join(directory, "loaded"), join(directory, "told")];
  writeFileSync(worker, SLOW(loaded, told));
  const failures: unknown[] = [];
  const options = { failpoint: null, intervalMs: 100, onDurable: () => undefined, onFailure: (error: unknown) => failures.push(error) };
  const durability = Durability.open({ workerUrl: pathToFileURL(worker), ...options });
  await durability.close();
  expect([existsSync(loaded), existsSync(told), failures]).toEqual([true, true, []]);
});

test("closed after it has failed to load, it is closed", async () => {
  const worker = join(makeTempDirectory(), "worker.mjs");
  writeFileSync(worker, "throw new Error('no');");
  const failures: unknown[] = [];
  const options = { failpoint: null, intervalMs: 100, onDurable: () => undefined, onFailure: (error: unknown) => failures.push(error) };
  await Durability.open({ workerUrl: pathToFileURL(worker), ...options }).close();
  expect(failures).toEqual([]);
});

describe("bulk, applied without a pause", () => {
  const STEP_MS = 100;
  const BULK = 8 * 1024 * 1024;
  const DURABLE = { epoch: "", durableSeq: 1, wallTimeMs: 1, bootId: "", clean: false, suspect: null, suspectPending: false };
  const POINT: DurablePoint = { state: DURABLE, last: DURABLE, durablePath: "", madeMs: 0, paths: [], round: 1, disks: [] };

  afterEach(() => {
    vi.useRealTimers();
  });

  /** After how many ms the first sync is ordered; null = not within a minute. */
  async function firstSync(hasLiveAt: (ms: number) => boolean): Promise<number | null> {
    const worker = join(makeTempDirectory(), "worker.mjs");
    writeFileSync(worker, 'import { parentPort } from "node:worker_threads"; parentPort.on("message", ({ kind }) => kind === "close" && parentPort.close());');
    const ordered = vi.spyOn(Worker.prototype, "postMessage");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const startedAt = performance.now();
    const options = { failpoint: null, intervalMs: 200, onDurable: () => undefined, onFailure: () => undefined };
    const durability = Durability.open({ workerUrl: pathToFileURL(worker), ...options });
    let at: number | null = null;
    for (let ms = 0; ms < 60_000 && at === null; ms += STEP_MS) {
      durability.want(POINT, { bytes: BULK, hasLive: hasLiveAt(ms), isUrgent: false });
      if (ordered.mock.calls.length > 0) at = performance.now() - startedAt;
      vi.advanceTimersByTime(STEP_MS);
    }
    ordered.mockRestore();
    await durability.close();
    return at;
  }

  test("of a job alone waits for a quarter of a minute", async () => {
    expect(await firstSync(() => false)).toBe(15_000);
  });

  test("with live changes among it waits for five seconds", async () => {
    expect(await firstSync((ms) => ms === 300)).toBe(5_000);
  });

  test("of a job waits no more once live changes come among it", async () => {
    expect(await firstSync((ms) => ms === 12_000)).toBe(12_000);
  });
});
