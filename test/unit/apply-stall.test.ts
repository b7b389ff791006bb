import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { ApplyStallWatch, type ApplyView } from "../../src/apply/apply-stall.js";
import { createPulse, readPulse } from "../../src/base/pulse.js";
import { eventually } from "../support/eventually.js";

const BUSY: ApplyView = { pulse: { work: 5, turns: 5, what: "a/f" }, waitingBytes: 100, isExplained: false, isWaitingForSync: false, takenSeq: 7 };

/** Looks once a second for so long; what each look sees. */
function lookFor(seconds: number, viewAt: (second: number) => Partial<ApplyView>) {
  const watch = new ApplyStallWatch(() => 60_000);
  let last = null;
  for (let second = 0; second < seconds; second++) last = watch.look({ ...BUSY, ...viewAt(second) }, second * 1000);
  return last;
}

const turning = (second: number) => ({ pulse: { ...BUSY.pulse, turns: second } });

test.each<[string, (second: number) => Partial<ApplyView>]>([
  ["nothing waits", () => ({ waitingBytes: 0 })],
  ["it is paused, or tries again", () => ({ isExplained: true })],
  ["it works inside of one long change", (second) => ({ pulse: { ...BUSY.pulse, work: Math.floor(second / 50) } })],
  ["sets are taken", (second) => ({ takenSeq: Math.floor(second / 50) })],
])("nothing is said while %s", (_, viewAt) => {
  expect(lookFor(1000, viewAt)).toBeNull();
});

test("a thread that does not come out of a change, a disk that does not sync, and a worker without work are told apart", () => {
  expect(lookFor(60, () => ({}))).toBeNull();
  expect(lookFor(62, () => ({}))).toMatchObject({
    kind: "change",
    path: "a/f",
    message: expect.stringContaining("inside one change for 61 s: 100 bytes wait"),
  });
  expect(lookFor(62, (second) => ({ ...turning(second), isWaitingForSync: true }))).toMatchObject({ kind: "disk", path: "" });
  expect(lookFor(62, turning)).toMatchObject({ kind: "idle" });
});

test("the pulse of a thread is seen while it is inside a call", async () => {
  const pulse = createPulse();
  const url = new URL("../../dist/base/pulse.js", import.meta.url).href;
  const code = `const { workerData } = require("node:worker_threads");
    import(${JSON.stringify(url)}).then(({ attachPulse, beginWork, beat }) => {
      attachPulse(workerData);
      beginWork("d\\u00e9/f");
      beat();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const worker = new Worker(code, { eval: true, workerData: pulse });
  await eventually(() => expect(readPulse(pulse)).toEqual({ work: 2, turns: 0, what: "d\u00e9/f" }));
  await worker.terminate();
});
