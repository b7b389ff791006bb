// The command line of simulations: what `sm connect SET tdu` asks of the agent, and what `sm tdu report` prints, with an agent or without.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silentLog } from "../../src/base/log.js";
import { formatConnection, formatConnectionLines } from "../../src/cli/format/connection-text.js";
import { parseMapTo } from "../../src/cli/parse/map-flags.js";
import { parseSimulatedLink } from "../../src/cli/parse/simulated-link.js";
import { reportOfFile } from "../../src/cli/parse/statistics-files.js";
import { ControlServer } from "../../src/control/http-server.js";
import { formatRow, HEADER_LINE } from "../../src/model/simulation-row.js";
import { STANDARD_QUESTION } from "../../src/model/sizing-report.js";
import { connectionReport, MemoryAgentControl, simulationRow } from "../support/memory-agent-control.js";
import { sm } from "../support/sm-program.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function serve(): Promise<{ readonly agent: MemoryAgentControl; readonly home: string }> {
  const home = makeTempDirectory();
  const agent = new MemoryAgentControl();
  const server = await ControlServer.open({ runtimeDir: join(home, "run"), agent, log: silentLog });
  onTestFinished(() => server.close());
  return { agent, home };
}

test("a simulation is connected without a map, over a link if one is given", async () => {
  const { agent, home } = await serve();
  await agent.repsets.create("home", [{ path: "/home", mode: "include", recursive: true }]);
  expect((await sm(["connect", "home", "tdu", "--tdu-bandwidth", "20mbit", "--tdu-rtt", "40"], { home })).code).toBe(0);
  expect(JSON.parse(agent.calls[0] ?? "")).toMatchObject({
    target: "tdu",
    map: { kind: "none" },
    options: { simulatedLink: { bytesPerSecond: 2_500_000, roundTripMs: 40 } },
  });
  expect(() => parseSimulatedLink({ "tdu-rtt": "soon" })).toThrow('--tdu-rtt is "soon"');
  expect(parseSimulatedLink({ "tdu-rtt": "5" })).toEqual({ simulatedLink: { bytesPerSecond: null, roundTripMs: 5 } });
  expect(parseSimulatedLink({})).toEqual({});
  expect(() => parseMapTo("beta", {})).toThrow("Give --map");
  expect(parseMapTo("Tdu", { exact: true })).toEqual({ kind: "exact" });
});

test("a simulated connection is plainly said to store nothing, connected or not", () => {
  const simulated = connectionReport({ target: "tdu", targetAddress: "", isSimulated: true, targetDataState: "Simulated" });
  const block = formatConnectionLines(simulated);
  expect(block.slice(0, 2)).toEqual(["1  home → tdu (simulation: nothing is stored anywhere)  replicating", "   /home → nowhere"]);
  expect(block.join("\n")).not.toContain("consistent");
  const shown = formatConnection(simulated);
  expect(shown).toContain("target          tdu (simulation: nothing is stored anywhere)\n  map             /home → nowhere\n");
  expect(shown).toContain("data            Simulated");
});

test("the report of a connection is printed as tables", async () => {
  const { home } = await serve();
  const { code, stdout } = await sm(["tdu", "report", "7", "--lag", "0", "--lag", "10s", "--outage", "5s", "--rate", "10mbit"], { home });
  expect(code).toBe(0);
  expect(stdout).toContain("figures of 10 s: 2026-01-02 03:03:55Z to 2026-01-02 03:04:05Z\n  the set         40 files, 100 MiB\n");
  expect(stdout).toMatch(/LAG +UNCOMPRESSED +LZ4 +BROTLI\n +0 s +839 kbit\/s +419 kbit\/s +168 kbit\/s\n +10 s +419 kbit\/s +210 kbit\/s +83.9 kbit\/s\n/);
  expect(stdout).toContain("an outage of 5 s took 512 KiB at worst");
  expect(stdout).toMatch(/lz4 +50 % +10.5 ms +50 % +10.5 ms\n/);
  expect(stdout).toMatch(/10 Mbit\/s +lz4 +44 s +0 s\n/);
  expect(stdout).toContain("note: less than a day was looked at");
  expect(stdout).toContain("from /var/log/sm/home simulation 7.csv");
});

test("a file is read without an agent, with those before it", async () => {
  const path = join(makeTempDirectory(), "home simulation 7.csv");
  const at = (endMs: number): string => `${HEADER_LINE}\n${formatRow(simulationRow({ endMs }))}\n`;
  writeFileSync(`${path}.1`, at(Date.parse("2026-11-02T00:00:10Z")));
  writeFileSync(path, at(Date.parse("2026-11-02T00:00:20Z")));
  const { stdout, code } = await sm(["tdu", "report", path, "--json"], { home: "/nowhere" });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ files: [`${path}.1`, path], report: { from: "2026-11-02T00:00:00.000Z", observedSeconds: 20 } });
  writeFileSync(path, `${HEADER_LINE}\n`);
  rmSync(`${path}.1`);
  expect(() => reportOfFile(path, STANDARD_QUESTION)).toThrow("there are no figures");
  writeFileSync(path, "something else\n");
  expect(() => reportOfFile(path, STANDARD_QUESTION)).toThrow("is no statistics file");
  expect(() => reportOfFile(`${path}.none`, STANDARD_QUESTION)).toThrow("cannot be read");
});
