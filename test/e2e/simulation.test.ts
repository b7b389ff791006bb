// A simulation with one real agent: the whole way of the source, figures of it, and nothing stored but those.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import type { SimulationResult } from "../../src/model/simulation.js";
import { HEADER_LINE, parseRow, type SimulationRow } from "../../src/model/simulation-row.js";
import type { ConnectionReport, StatusReport } from "../../src/model/status.js";
import { AgentProcess } from "../support/agent-process.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const WAIT = { timeoutMs: 30_000 };
const FILES = 200;
const TEXT = Buffer.alloc(20_000, "one line is much like another\n");

interface Site {
  agent: AgentProcess;
  readonly sourceDir: string;
  readonly csv: string;
}

async function start(directory: string): Promise<Site> {
  const [home, sourceDir] = [join(directory, "a"), join(directory, "source")];
  mkdirSync(join(home, "etc"), { recursive: true });
  mkdirSync(sourceDir);
  writeFileSync(join(home, "etc/sm.yaml"), "tdu:\n  intervalSeconds: 1\n");
  for (let index = 0; index < FILES; index++) writeFileSync(join(sourceDir, `f${index}`), TEXT);
  const agent = await AgentProcess.start({ home });
  await agent.api("repset.create", { name: "data", rules: [{ path: sourceDir, mode: "include", recursive: true }] });
  return { agent, sourceDir, csv: join(home, "log", "data simulation 1.csv") };
}

async function report({ agent }: Site): Promise<ConnectionReport> {
  const { body } = await agent.api("status");
  return (body as StatusReport).connections[0] as ConnectionReport;
}

/** Of the statistics file, so far. */
function rows({ csv }: Site): readonly SimulationRow[] {
  const [header, ...lines] = readFileSync(csv, "utf8").trimEnd().split("\n");
  expect(header).toBe(HEADER_LINE);
  return lines.map((line) => parseRow(line)).filter((row) => row !== null);
}

function sum(site: Site, of: "bytes" | "sentBytes" | "mirrorBytes"): number {
  return rows(site).reduce((total, row) => total + row[of], 0);
}

/** All that was captured has passed, nothing else is owed, and it is said what this is. */
async function settled(site: Site): Promise<ConnectionReport> {
  return eventually(async () => {
    const connection = await report(site);
    expect(connection).toMatchObject({
      ...{ state: "streaming", queuedOps: 0, lagMs: 0, mirror: { status: "Idle" }, repair: { pending: 0 } },
      ...{ targetDataState: "Simulated", consistency: { seq: 0, at: null }, reasons: [{ code: "SIMULATION" }] },
    });
    return connection;
  }, WAIT);
}

test("connected to tdu, a set is mirrored and replicated to nowhere, over restarts, and sized", { timeout: 120_000 }, async () => {
  const directory = makeTempDirectory();
  const site = await start(directory);
  const { connection } = await site.agent.json<{ connection: ConnectionReport }>(["connect", "data", "TDU", "--compression", "lz4"]);
  expect(connection).toMatchObject({ id: 1, target: "tdu", isSimulated: true, targetStatus: "Not Loaded" });
  await eventually(async () => expect((await report(site)).mirror).toMatchObject({ outcome: "done", mode: "full", filesDone: FILES }), WAIT);
  await settled(site);
  await eventually(() => expect(sum(site, "mirrorBytes")).toBeGreaterThan(FILES * TEXT.length), WAIT);

  writeFileSync(join(site.sourceDir, "new"), Buffer.alloc(300_000, "another text, as compressible as the first\n"));
  await eventually(() => expect(sum(site, "sentBytes")).toBeGreaterThan(300_000), WAIT);
  expect(rows(site).some(({ live }) => live.bytes > 0 && live.levels.brotli.bytes < live.bytes / 5)).toBe(true);
  const { sentCompressedBytes, sentBytes } = await settled(site);
  expect(sentCompressedBytes).toBeLessThan(sentBytes / 5);

  // Killed: what changed meanwhile is found, what did not is not mirrored again.
  await site.agent.kill9();
  writeFileSync(join(site.sourceDir, "while it was away"), "x");
  site.agent = await site.agent.restart();
  expect((await settled(site)).mirror.mode).not.toBe("full");
  expect(sum(site, "bytes")).toBeLessThan(FILES * TEXT.length);

  const refused = [
    ["connection.sync", { id: 1 }],
    ["verify.start", { id: 1 }],
    ["orphans.start", { id: 1 }],
    ["mirror.start", { id: 1, content: "checksum-all" }],
    ["connection.connect", { repset: "data", target: "tdu", map: { kind: "none" } }],
  ] as const;
  for (const [command, input] of refused) {
    const code = command === "connection.connect" ? "CONNECTION_EXISTS" : "SIMULATION";
    expect(await site.agent.api(command, input), command).toMatchObject({ body: { error: { code } } });
  }

  expect((await site.agent.api("connection.disconnect", { id: 1 })).body).toEqual({ disconnected: 1, isTargetTold: true });
  const { report: sizing, files } = await site.agent.json<SimulationResult>(["tdu", "report", "1", "--lag", "1s", "--rate", "10mbit"]);
  expect(files).toEqual([site.csv]);
  expect(sizing.totals.bytes).toBe(sum(site, "bytes"));
  expect(sizing.set.files).toBe(FILES + 2);
  expect(sizing.bandwidth.map(({ lagSeconds, level }) => [lagSeconds, level])).toEqual([
    [1, "off"],
    [1, "lz4"],
    [1, "brotli"],
  ]);
  await site.agent.stop();
  const offline = await site.agent.cli(["tdu", "report", site.csv]);
  expect(offline).toMatchObject({ code: 0, stdout: expect.stringMatching(/figures of .*\n[\s\S]*the set +202 files[\s\S]*LZ4 +BROTLI\n/) });

  // Nothing was written beyond what an agent always writes, and the statistics.
  const all = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const places = new Set(all.map((entry) => relative(directory, entry.parentPath).split("/").slice(0, 2).join("/")));
  expect([...places].sort()).toEqual(["a/etc", "a/log", "a/state", "source"]);
  expect(readdirSync(site.sourceDir)).toHaveLength(FILES + 2);
});
