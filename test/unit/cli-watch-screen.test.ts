// The live view on a real terminal: that it follows what happens and the size, and that the terminal is afterwards as it was before.

import { join } from "node:path";
import { expect, vi } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { ControlServer } from "../../src/control/http-server.js";
import { connectionReport } from "../support/memory-agent-control.js";
import { withMemoryAgent } from "../support/memory-agent-home.js";
import { PtyRun } from "../support/pty-run.js";
import { runCommand } from "../support/run-command.js";
import { ROOT, SM } from "../support/sm-program.js";

const test = withMemoryAgent;
const PATIENT = { timeout: 8_000 };
const LEFT = "\x1b[?25h\x1b[?1049l";

function watch(home: string, environment: Readonly<Record<string, string>> = {}): PtyRun {
  const { NO_COLOR: _, ...inherited } = process.env;
  const options = { columns: 80, rows: 24, environment: { ...inherited, TERM: "xterm-256color", SM_HOME: home, ...environment } };
  return new PtyRun([process.execPath, SM, "status", "--watch"], options);
}

const sees = (run: PtyRun, text: string): Promise<void> => vi.waitFor(() => expect(run.text).toContain(text), PATIENT);

test("it follows changes, keys and the size, and leaves the terminal as it was", { timeout: 30_000 }, async ({ server, agent, home }) => {
  agent.setConnection(connectionReport({ state: "streaming" }));
  // CI is set where this test runs for others, and changes nothing for a person.
  const run = watch(home, { CI: "1" });
  await sees(run, "> 1 home → beta");
  expect(run.output).toContain("\x1b[?1049h");
  agent.setConnection(connectionReport({ state: "halted" }));
  await sees(run, "1 home → beta: halted");
  run.size(40, 12);
  await vi.waitFor(() => {
    expect(run.text).toContain("> 1 home → beta");
    for (const line of run.text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(40);
  }, PATIENT);
  run.keys("\r");
  await sees(run, "connection 1\n  set             home");
  run.keys("\x1b");
  await sees(run, "CONNECTION");
  run.keys("p");
  await sees(run, "y/n  Pause the transmission");
  run.keys("y");
  await vi.waitFor(() => expect(agent.calls).toEqual(["transmission pause 1"]), PATIENT);
  await server.close();
  await sees(run, "sm alpha does not answer since");
  const again = await ControlServer.open({ runtimeDir: join(home, "run"), agent, log: silentLog });
  await sees(run, "the agent answers again");
  run.keys("q");
  expect(await run.ended).toEqual({ exit: 0, sane: true });
  expect(run.output).toContain(LEFT);
  await again.close();
});

test("a signal ends it as q does, without colours where none are wanted", async ({ server, home }) => {
  expect(server).toBeDefined();
  const run = watch(home, { NO_COLOR: "1" });
  await sees(run, "nothing is connected");
  run.signal("SIGTERM");
  expect(await run.ended).toEqual({ exit: 0, sane: true });
  expect(run.output).toContain(LEFT);
  expect(run.output).not.toMatch(/\x1b\[(3|4)\d(;\d+)*m/);
});

test("without an agent there is no view, but an error", async ({ home }) => {
  const run = watch(home);
  expect(await run.ended).toEqual({ exit: 3, sane: true });
  expect(run.output).toContain("AGENT_UNREACHABLE");
  expect(run.output).not.toContain("\x1b[?1049h");
});

test("a crash leaves the screen before the error is told", async () => {
  const program = `
    const { enterAlternateScreen } = await import(${JSON.stringify(join(ROOT, "dist", "cli", "watch", "alternate-screen.js"))});
    enterAlternateScreen(process.stdout);
    setTimeout(() => { throw new Error("by the test"); });
  `;
  const result = await runCommand(["sh", "-c", '"$0" --input-type=module -e "$1" 2>&1', process.execPath, program]);
  expect(result.code).toBe(1);
  expect(result.stdout.indexOf(LEFT)).toBeGreaterThan(0);
  expect(result.stdout.indexOf(LEFT)).toBeLessThan(result.stdout.indexOf("by the test"));
  expect(result.stdout.split(LEFT)).toHaveLength(2);
});

test("who reads only the first line hears no complaint, and gets no colours", async ({ server, agent, home }) => {
  expect(server).toBeDefined();
  // More than a pipe holds.
  for (let id = 1; id <= 400; id++) agent.setConnection(connectionReport({ id, repset: `set-${id}` }));
  const pipe = `"$0" "$1" status | head -1; echo "\${PIPESTATUS[*]}"`;
  const result = await runCommand(["bash", "-c", pipe, process.execPath, SM], { environment: { ...process.env, SM_HOME: home, FORCE_COLOR: "1" } });
  expect(result).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^agent alpha [^\x1b\n]*\n0 0\n$/) });
});
