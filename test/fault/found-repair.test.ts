// The agent of the source is killed between what a verification found and its repair: it is repaired after the restart, although
// nothing of the source shows that it differs.

import { readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { DirtyStore } from "../../src/journal/dirty-store.js";
import { AgentPair } from "../support/agent-pair.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

test("what was found is repaired by the next start, without a mirror of everything", async () => {
  const pair = await AgentPair.start(makeTempDirectory(), { sourceAgent: { failpoint: "repair.found.afterWrite" } });
  for (let i = 0; i < 20; i++) writeFileSync(join(pair.sourceDir, `f${i}`), `content ${i}`);
  await pair.connect();
  await pair.expectEqual();
  // Other bytes, with nothing else that shows it.
  const damaged = join(pair.targetDir, "f7");
  const { atime, mtime } = statSync(damaged);
  writeFileSync(damaged, "CONTENT 7");
  utimesSync(damaged, atime, mtime);
  const { exited } = pair.source;
  await pair.source.api("verify.start", { id: pair.connectionId, content: "all", repair: "all" });
  expect(await exited).toMatchObject({ signal: "SIGKILL" });
  expect(readFileSync(damaged, "utf8")).toBe("CONTENT 7");
  const dirty = DirtyStore.open(join(pair.source.home, "state"), silentLog);
  expect(dirty.book(pair.connectionId).places()).toEqual([{ root: 0, path: "f7", level: "entry", thorough: true }]);
  dirty.close();
  await pair.restartSource();
  await eventually(() => expect(readFileSync(damaged, "utf8")).toBe("content 7"));
  await pair.expectEqual();
});
