// What an agent names as its files is written below the directory that was given, and nowhere else.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { MemoryAgentControl } from "../support/memory-agent-control.js";
import { withMemoryAgent } from "../support/memory-agent-home.js";
import { runMain } from "../support/run-main.js";

const test = withMemoryAgent;

function exportsFile(agent: MemoryAgentControl, path: string): void {
  const files = [
    { path: "sm.yaml", text: "{}\n" },
    { path, text: "planted\n" },
  ];
  Object.assign(agent.config, { export: async () => ({ document: {}, text: "", files }) });
}

test.for(["../planted", "/planted", "repsets.d/../../planted", "repsets.d/a/b.yaml", ".bashrc", ".ssh/authorized_keys", "", "a\0b"])(
  "%j is no file of a configuration",
  async (path, { server, agent, home }) => {
    expect(server).toBeDefined();
    exportsFile(agent, path);
    const copy = join(home, "copy");
    const result = await runMain(["config", "export", "--to", copy], { SM_HOME: home });
    expect(result).toMatchObject({ stdout: "", stderr: expect.stringContaining("error PROTOCOL") });
    expect(result.code).not.toBe(0);
    expect([existsSync(copy), existsSync(join(home, "planted"))]).toEqual([false, false]);
  },
);

test("files of a configuration are written", async ({ server, agent, home }) => {
  expect(server).toBeDefined();
  exportsFile(agent, "repsets.d/web site.yaml");
  expect(await runMain(["config", "export", "--to", join(home, "copy")], { SM_HOME: home })).toMatchObject({ code: 0 });
  expect(readFileSync(join(home, "copy", "repsets.d", "web site.yaml"), "utf8")).toBe("planted\n");
});
