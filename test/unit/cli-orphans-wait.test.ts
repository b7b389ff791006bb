// A verification that is waited for, with the orphans job behind it: an end is always found, and no code says that all was done.

import { expect } from "vitest";
import type { Reason } from "../../src/model/status.js";
import { connectionReport } from "../support/memory-agent-control.js";
import { withMemoryAgent } from "../support/memory-agent-home.js";
import { runMain } from "../support/run-main.js";

const test = withMemoryAgent;
const SINCE = "2026-01-01T00:00:00.000Z";

const waiting = (verification: number): Reason => ({
  ...{ code: "ORPHANS_WAITING", message: `orphans are still to be looked for, behind verification ${verification}`, object: "connection 1" },
  ...{ since: SINCE, next: "later", nextAt: null, command: null },
});

test.for([
  ["given up", [], 5],
  ["that of another one", [waiting(11)], 5],
  ["still to come", [waiting(1)], 6],
] as const)("the orphans job is %s", async ([, reasons, code], { server, agent, home }) => {
  expect(server).toBeDefined();
  agent.setConnection(connectionReport({ reasons }));
  const words = "verify start 1 --orphans report --wait --timeout 1s";
  expect(await runMain(words.split(" "), { SM_HOME: home })).toMatchObject({ code, stderr: expect.stringContaining("no orphans were looked for") });
});
