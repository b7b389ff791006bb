// What two agents put on record while they replicate: in sm.log, in the dtlog, in the log of the system.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { LogPage } from "../../src/model/log-entry.js";
import { AgentPair } from "../support/agent-pair.js";
import type { AgentProcess } from "../support/agent-process.js";
import { DatagramSink } from "../support/datagram-sink.js";
import { eventually } from "../support/eventually.js";
import { makeTempDirectory } from "../support/temp-tree.js";

async function withSystemLog(home: string): Promise<DatagramSink> {
  const path = join(home, "system.sock");
  mkdirSync(join(home, "etc"), { recursive: true });
  writeFileSync(join(home, "etc/sm.yaml"), `log:\n  systemSocket: ${path}\n`);
  return DatagramSink.open(path);
}

const numbersOf = ({ lines }: DatagramSink): number[] => lines.map((line) => Number(/^<\d+>.{15} sm\[\d+\]: (\d+) /.exec(line)?.[1]));

/** All of `wanted` is there, in this order, whatever else is. */
function expectInOrder(numbers: readonly number[], wanted: readonly number[]): void {
  const rest = [...wanted];
  for (const number of numbers) if (number === rest[0]) rest.shift();
  expect(rest, `missing from ${numbers.join(" ")}`).toEqual([]);
}

const textOf = (agent: AgentProcess): string =>
  readdirSync(join(agent.home, "log"))
    .map((name) => readFileSync(join(agent.home, "log", name), "utf8"))
    .join("");

test("the life of a connection is in all logs, by number, on both sides, and no token is", { timeout: 120_000 }, async () => {
  const directory = makeTempDirectory();
  const [ofSource, ofTarget] = [await withSystemLog(join(directory, "a")), await withSystemLog(join(directory, "b"))];
  const pair = await AgentPair.start(directory);
  const { token } = await pair.target.json<{ token: string }>(["peer", "bootstrap", "create", "--site-name", "B"]);
  const redeem = async (): Promise<number | null> => (await pair.source.cli(["peer", "bootstrap", "import", "-"], { input: `${token}\n` })).code;
  expect([await redeem(), await redeem()]).toEqual([0, 7]);
  writeFileSync(join(pair.sourceDir, "a"), "content that is no matter for a log");
  writeFileSync(join(pair.sourceDir, "two\nlines"), "b");
  await pair.connect();
  await pair.expectEqual();
  rmSync(join(pair.targetDir, "two\nlines"));
  expect((await pair.source.cli(["verify", "start", "1", "--wait"], { timeoutMs: 60_000 })).code).toBe(5);
  await pair.source.json(["repset", "rule", "add", "data", "--exclude", join(pair.sourceDir, "none")]);
  await pair.target.json(["target", "pause"]);
  await pair.target.json(["target", "resume"]);
  // New rules take a new channel: what is to be lost must be there.
  await pair.sync();
  await pair.target.stop();
  await pair.restartTarget();
  const page = (args: readonly string[]): Promise<LogPage> => pair.source.json<LogPage>(["log", "--limit", "1000", ...args]);
  await eventually(async () => {
    const { entries } = await page([]);
    const lost = entries.findIndex(({ event, message }) => event === 77 && message.includes("stops"));
    expect(entries.slice(lost).map(({ system }) => system)).toContain(lost < 0 ? "lost" : 4010);
  });
  await pair.source.json(["disconnect", "1"]);

  const numbers = (await page([])).entries.map(({ event }) => event);
  expectInOrder(numbers, [51_501, 52_501, 69, 20_801, 99, 71, 73, 87, 89, 93, 94, 95, 53_001, 20_505, 99, 77, 80, 73, 88, 20_204]);
  const { entries } = await page(["--connection", "1", "--level", "warn"]);
  expect(entries.map(({ event }) => event)).toContain(53_001);
  expect(entries.every(({ level, fields }) => level !== "info" && fields.connection === 1)).toBe(true);
  expectInOrder(numbersOf(ofSource), [4002, 4001, 4000, 4016, 4024, 4019, 4023, 4058, 4062, 4009, 4010, 4025, 4017]);
  const dtlog = readFileSync(join(pair.source.home, "log/dtlog1.dtl"), "utf8").trimEnd().split("\n");
  expect(dtlog.filter((line) => !/^\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d\.\d{4} \d+ \d+ \d+ [12] \d+ \S/.test(line))).toEqual([dtlog[0]]);

  await pair.target.stop();
  await pair.source.stop();
  const target = readFileSync(join(pair.target.home, "log/dtlog1.dtl"), "utf8").trimEnd().split("\n");
  expect(target.filter((line) => line.endsWith("Application starting"))).toHaveLength(2);
  expectInOrder(
    target.map((line) => Number(line.split(" ")[6])),
    // A source may call before the rest of the target has begun: 72, and 69 of its second start, come in either order.
    [69, 20_801, 20_803, 72, 20_704, 20_705, 51_503, 52_503, 70, 99_999, 72, 20_702, 70, 99_999],
  );
  expectInOrder(numbersOf(ofTarget), [4000, 4026, 4027, 4003, 4004, 4005, 4000, 4003, 4004, 4005]);
  for (const text of [textOf(pair.source), textOf(pair.target), ...ofSource.lines, ...ofTarget.lines]) {
    expect(text).not.toContain(token);
    expect(text).not.toContain("content that is no matter");
  }
});
