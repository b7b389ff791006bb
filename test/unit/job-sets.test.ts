// What a job sends is gathered over its turns until a set is full; what it asks, and what it has sent when it pauses, goes at once.

import { expect, test } from "vitest";
import { delay } from "../../src/base/wait.js";
import { SET_PAYLOAD_BYTES } from "../../src/capture/set-writer.js";
import type { BackgroundJob } from "../../src/capture/source-engine.js";
import type { BytePath } from "../../src/model/byte-path.js";
import { eventually } from "../support/eventually.js";
import { SourceKit } from "../support/source-kit.js";

const FILE_BYTES = 64 * 1024;
const FILES_PER_SET = SET_PAYLOAD_BYTES / FILE_BYTES;
const META = { mode: 0o644, uid: 0, gid: 0, mtimeSec: 1, mtimeNsec: 0, xattrs: [] };
/** Some steps of that length fill a turn of a job, many more a set. */
const STEP_MS = 2;

interface Sender extends BackgroundJob {
  isPaused: boolean;
  sent: number;
}

/** Sends a file with each step; `asksAt`: and asks a question behind that one. */
function sender(kit: SourceKit, files: number, asksAt = -1): Sender {
  const { writer } = kit.engine;
  const path = "a" as BytePath;
  return {
    connectionId: 1,
    isPaused: false,
    sent: 0,
    get hasWork() {
      return !this.isPaused && this.sent < files;
    },
    async step() {
      await delay(STEP_MS);
      writer.direct(1, true);
      const payload = writer.reserve(FILE_BYTES);
      const content = { extents: [[0, FILE_BYTES]] as const, holes: [], size: FILE_BYTES, payload };
      writer.add({ op: "file", root: 0, path, start: "replace", base: null, continues: false, meta: META, ...content });
      this.sent += 1;
      if (this.sent === asksAt) writer.add({ op: "sums", root: 0, path });
    },
  };
}

async function begin(files: number, asksAt?: number): Promise<{ kit: SourceKit; job: Sender; sizes: () => number[] }> {
  const kit = SourceKit.start();
  await kit.barrier();
  const before = kit.sets.length;
  const job = sender(kit, files, asksAt);
  kit.engine.jobs.push(job);
  kit.engine.wake();
  return { kit, job, sizes: () => kit.sets.slice(before).map(({ changes }) => changes.length) };
}

test("sets are filled over many turns; the last one goes when the work ends", async () => {
  const { sizes } = await begin(2 * FILES_PER_SET + 3);
  await eventually(() => expect(sizes()).toEqual([FILES_PER_SET, FILES_PER_SET, 3]));
});

test("what a job that pauses has sent is not kept, nor that of one that is ended", async () => {
  const { kit, job, sizes } = await begin(3 * FILES_PER_SET);
  await eventually(() => expect(job.sent).toBeGreaterThan(FILES_PER_SET + 2));
  job.isPaused = true;
  await eventually(() => expect(sizes()).toEqual([FILES_PER_SET, job.sent - FILES_PER_SET]));
  job.isPaused = false;
  const sent = job.sent;
  kit.engine.wake();
  await eventually(() => expect(job.sent).toBeGreaterThan(sent + 2));
  kit.engine.jobs.splice(0);
  await eventually(() => expect(sizes().reduce((sum, changes) => sum + changes, 0)).toBe(job.sent));
});

test("a question takes along what was sent before it", async () => {
  const { sizes } = await begin(FILES_PER_SET, 5);
  // The turn in which it is asked goes on for some steps.
  await eventually(() => expect(sizes().length).toBe(2));
  const [asked = 0, rest = 0] = sizes();
  expect(asked).toBeGreaterThanOrEqual(6);
  expect(asked).toBeLessThan(FILES_PER_SET);
  expect(asked + rest).toBe(FILES_PER_SET + 1);
});
