// What a verification asked is asked again in the very same words when a channel broke before the answer came.

import { expect, test } from "vitest";
import { VerifyJob } from "../../src/jobs/verify-job.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { CompareRequest, MirrorEntry, MirrorTree } from "../../src/model/mirror-port.js";

const NAMES = Array.from({ length: 600 }, (_, i) => `f${String(i).padStart(3, "0")}`);

/** A source with one directory of files; what is asked of the target is noted. */
class OneDirectory implements Partial<MirrorTree> {
  readonly rootCount = 1;
  readonly asked: CompareRequest[] = [];

  totals(): ReturnType<MirrorTree["totals"]> {
    return { files: NAMES.length, directories: 1, bytes: 0 };
  }

  async list(): Promise<readonly MirrorEntry[]> {
    return NAMES.map((name) => ({ name, path: name as BytePath, type: "file", size: 4, inode: name, links: 1 }));
  }

  compare(_connectionId: number, request: CompareRequest): number {
    return this.asked.push(request);
  }

  stampOf(): null {
    return null;
  }
}

async function asked(): Promise<{ readonly tree: OneDirectory; readonly job: VerifyJob }> {
  const tree = new OneDirectory();
  const job = new VerifyJob({ connectionId: 1, content: "times", tree: tree as unknown as MirrorTree, onFinding: () => false });
  // A slice for each step.
  while ((await job.step()) === "worked");
  return { tree, job };
}

test("every slice is asked again with its bounds, its extras and its directory", async () => {
  const { tree, job } = await asked();
  const first = [...tree.asked];
  expect(first.map(({ from, until, extras, withDirectory }) => ({ from, until, extras, withDirectory }))).toEqual([
    { from: "", until: "f250", extras: "report", withDirectory: true },
    { from: "f250", until: "f500", extras: "report", withDirectory: false },
    { from: "f500", until: "", extras: "report", withDirectory: false },
  ]);
  for (const seq of [1, 2, 3]) expect(job.askAgain(seq)).toBe(true);
  expect(tree.asked.slice(3)).toEqual(first);
  expect(job.askAgain(1)).toBe(false);
});

/** What a target says that has one more file than the source. */
function extrasOf({ from, until, extras }: CompareRequest): readonly string[] {
  return extras !== "keep" && from <= "f300x" && (until === "" || until > "f300x") ? ["f300x"] : [];
}

test("an orphan of a slice whose first answer was lost is looked for still", async () => {
  const { tree, job } = await asked();
  job.askAgain(2);
  for (const seq of [1, 3, 4]) {
    const extras = extrasOf(tree.asked[seq - 1] as CompareRequest);
    job.takeAnswer({ kind: "compare", seq, root: 0, path: "" as BytePath, differs: [], extras, removed: 0 });
    await job.step();
  }
  expect(job.isDone).toBe(false);
  job.close();
});
