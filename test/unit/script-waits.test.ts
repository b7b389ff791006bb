// Waits of scripts without a limit of time: what can still come is waited for, what takes a person is told.

import { afterEach, expect, test, vi } from "vitest";
import { connectionReport, idleMirror, MemoryAgentControl } from "../support/memory-agent-control.js";
import { ScriptKit } from "../support/script-kit.js";

afterEach(() => {
  vi.useRealTimers();
});

const STOPPED = {
  message: "stopped by hand",
  object: "",
  since: "2026-01-01T00:00:00.000Z",
  next: "until it is started",
  nextAt: null,
  command: "sm transmission start 1",
};

test.each([
  ["waitonmirror 1", "TRANSMISSION_STOPPED", "streaming"],
  ["waitonmirror 1", "GUARD_HELD", "held"],
  ["waitonmirror 1", "PEER_MISMATCH", "halted"],
  ["$j = verify 1\nwaitonjob $j", "TRANSMISSION_STOPPED", "held"],
])("%s without a limit ends with the reason when the connection waits for a person: %s", async (script, code, state) => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const kit = new ScriptKit({ agent: new MemoryAgentControl({ mirrorEnds: null }) });
  const job = kit.agent.jobs.wait;
  kit.agent.jobs.wait = async (id, timeoutMs) => {
    await new Promise((resolve) => setTimeout(resolve, timeoutMs));
    return { ...(await job(id, 0)), status: "Running" };
  };
  const mirror = idleMirror({ id: 4, outcome: "running" });
  kit.agent.connections.waitMirror = async (_id, _mirrorId, timeoutMs) => {
    await new Promise((resolve) => setTimeout(resolve, timeoutMs));
    return mirror;
  };
  const show = (reasons: readonly object[]): void =>
    kit.agent.setConnection(connectionReport({ id: 1, state, targetDataState: "Mirroring", mirror, reasons: reasons as never }));
  show([{ ...STOPPED, code }]);
  const limited = kit.run(`source localhost\n${script}`.replace(/(waiton.*)/, "$1 timeout 1 hours"));
  await vi.advanceTimersByTimeAsync(600_000);
  const waiting = kit.run(`source localhost\n${script}`);
  await vi.advanceTimersByTimeAsync(60_000);
  const { reports, exitCode } = await waiting;
  expect(exitCode).toBe(5);
  expect(reports.at(-1)?.error?.message).toMatch(/waits for a person: stopped by hand; until it is started \(`sm transmission start 1`\)$/);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect((await limited).exitCode).toBe(6);
});
