// What is told of the progress of repairs agrees with what a probe answers.

import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { BytePath } from "../../src/model/byte-path.js";
import { SourceKit } from "../support/source-kit.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("who was answered that nothing is pending has been told so before", async () => {
  const kit = SourceKit.start({ target: makeTempDirectory() });
  writeFileSync(kit.path("file"), "content");
  await kit.barrier();
  kit.openChannel();
  kit.jobs.obey({
    kind: "repair",
    connectionId: 1,
    batch: 1,
    places: [{ root: 0, path: "file" as BytePath, level: "entry", thorough: false }],
    withLinks: false,
    changedSinceMs: 0,
  });
  kit.jobs.reportProgress();
  const told = (): readonly number[] => kit.events.flatMap((event) => (event.kind === "repairs" ? [event.pending] : []));
  expect(told()).toEqual([1]);
  await kit.settle();
  expect(told().at(-1)).toBe(0);
});
