import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { AgentRights } from "../../src/agent/agent-rights.js";
import { silentLog } from "../../src/base/log.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function open(groups: string): Promise<{ rights: AgentRights; logDir: string; warnings: string[] }> {
  const logDir = makeTempDirectory();
  const groupFile = join(logDir, "group");
  writeFileSync(groupFile, groups);
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => warnings.push(message) };
  const rights = await AgentRights.open({ config: { logDir }, log, groupFile, onChange: () => undefined });
  onTestFinished(() => rights.close());
  return { rights, logDir, warnings };
}

test.runIf(process.getuid?.() === 0)("an agent of root says which group is missing, and how it is made", async () => {
  const { rights, warnings } = await open("root:x:0:\nsmadmin:x:991:\n");
  expect(rights.reasons()).toEqual([expect.objectContaining({ code: "ROLE_GROUPS", command: "groupadd --system smmon" })]);
  expect(warnings).toEqual([expect.stringContaining("no group smmon")]);
  const neither = await open("");
  expect(neither.rights.reasons()[0]).toMatchObject({ command: "groupadd --system smadmin && groupadd --system smmon" });
});

test("with both groups there is nothing to say, until the audit log cannot be written", async () => {
  const { rights, logDir } = await open("smadmin:x:991:\nsmmon:x:990:\n");
  expect(rights.reasons()).toEqual([]);
  const path = join(logDir, "audit.jsonl");
  const entry = { at: "", who: "", uid: null, pid: null, from: "", role: "admin", command: "x", input: {}, result: "ok", durationMs: 0, leftOut: 0 };
  await rights.audit.write(entry);
  expect(existsSync(path) && readFileSync(path, "utf8")).toContain('"command":"x"');
  const other = await open("smadmin:x:991:\nsmmon:x:990:\n");
  mkdirSync(join(other.logDir, "audit.jsonl"));
  await other.rights.audit.write(entry);
  expect(other.rights.reasons()).toEqual([expect.objectContaining({ code: "AUDIT_LOG" })]);
});
