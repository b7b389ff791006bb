// A home whose control sockets an agent in memory answers: what tests of the faces begin with.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { ControlServer } from "../../src/control/http-server.js";
import { MemoryAgentControl } from "./memory-agent-control.js";

export interface MemoryAgentHome {
  home: string;
  agent: MemoryAgentControl;
  server: ControlServer;
}

export const withMemoryAgent = base.extend<MemoryAgentHome>({
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  home: async ({}, use) => {
    const home = mkdtempSync(join(tmpdir(), "sm-cli-"));
    await use(home);
    rmSync(home, { recursive: true });
  },
  // biome-ignore lint/correctness/noEmptyPattern: the form vitest wants
  agent: async ({}, use) => use(new MemoryAgentControl()),
  server: async ({ home, agent }, use) => {
    const server = await ControlServer.open({ runtimeDir: join(home, "run"), agent, log: silentLog });
    await use(server);
    await server.close();
  },
});
