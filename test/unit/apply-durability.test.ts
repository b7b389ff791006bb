// The thread that syncs is never ended from outside: while it loads native code that would end the process.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
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
