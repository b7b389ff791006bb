// What a person may ask of a mirror, by the command line, between two agents.

import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { MirrorReport } from "../../src/model/status.js";
import { AgentPair } from "../support/agent-pair.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const MiB = 1024 * 1024;
/** What is damaged is found in pieces of so many bytes. */
const PIECE = 2 * 1024;
const DATE = 1_700_000_000;

interface Planted {
  readonly pair: AgentPair;
  readonly at: (path: string) => string;
  readonly on: (path: string) => string;
}

async function planted(): Promise<Planted> {
  const pair = await AgentPair.start(makeTempDirectory());
  const at = (path: string): string => join(pair.sourceDir, path);
  const on = (path: string): string => join(pair.targetDir, path);
  mkdirSync(at("a/b"), { recursive: true });
  mkdirSync(at("c"));
  for (const path of ["small", "kept", "a/small", "a/b/small", "c/small"]) writeFileSync(at(path), "s".repeat(1000));
  for (const path of ["large", "a/b/large"]) writeFileSync(at(path), Buffer.alloc(3 * MiB, "l"));
  for (const path of ["small", "kept", "large", "a/small", "a/b/small", "c/small", "a/b/large"]) utimesSync(at(path), DATE, DATE);
  await pair.connect();
  await pair.expectEqual();
  return { pair, at, on };
}

async function mirror(pair: AgentPair, flags: readonly string[]): Promise<{ readonly code: number | null; readonly mirror: MirrorReport }> {
  const args = ["mirror", "start", `${pair.connectionId}`, "--wait", "--timeout", "60", "--json", ...flags];
  const result = await pair.source.cli(args, { timeoutMs: 70_000 });
  expect(result.json, `${result.stdout}${result.stderr}`).toHaveProperty("mirror");
  return { code: result.code, mirror: (result.json as { mirror: MirrorReport }).mirror };
}

/** Other bytes, with nothing else that shows it. */
function damage(path: string, at: number): void {
  const { atime, mtime } = statSync(path);
  const fd = openSync(path, "r+");
  writeSync(fd, "damaged", at);
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

test("what is asked for is compared and sent: contents of all, newer files only, some paths only; what contradicts itself is refused", async () => {
  const { pair, at, on } = await planted();
  damage(on("small"), 10);
  damage(on("a/b/large"), MiB);
  expect((await mirror(pair, [])).mirror).toMatchObject({ outcome: "done", bytesDone: 0 });
  expect((await mirror(pair, ["--checksum"])).mirror).toMatchObject({ outcome: "done", bytesDone: 0 });
  const { code, mirror: report } = await mirror(pair, ["--checksum-all"]);
  expect({ code, ...report }).toMatchObject({ code: 0, outcome: "done", content: "checksum-all", bytesDone: PIECE + 1000 });
  await pair.expectEqual();
  // --newer lets the target keep what is newer there, says so, and does not call it a copy.
  writeFileSync(on("kept"), "edited on the target");
  writeFileSync(on("small"), "older on the target");
  utimesSync(on("small"), DATE - 10, DATE - 10);
  rmSync(on("c/small"));
  const newer = await mirror(pair, ["--newer"]);
  expect({ code: newer.code, ...newer.mirror }).toMatchObject({ code: 0, outcome: "done", newerOnly: true, leftAlone: 1, leftAloneNames: ["kept"] });
  expect(readFileSync(on("kept"), "utf8")).toBe("edited on the target");
  expect(readFileSync(on("small"), "utf8")).toBe("s".repeat(1000));
  expect(readFileSync(on("c/small"), "utf8")).toBe("s".repeat(1000));
  const left = await pair.report();
  expect(left).toMatchObject({ targetDataState: "Mirror Required", reasons: [{ code: "MIRROR_REQUIRED", message: expect.stringContaining("left alone") }] });
  await mirror(pair, []);
  await pair.expectEqual();
  expect(await pair.report()).toMatchObject({ targetDataState: "OK", reasons: [] });
  // --path: nothing else is looked at, and what is owed stays owed.
  for (const path of ["a/b/small", "c/small", "large"]) damage(on(path), 10);
  rmSync(on("a"), { recursive: true });
  const part = await mirror(pair, ["--path", at("a/b"), "--path", at("c"), "--checksum-all"]);
  expect({ code: part.code, ...part.mirror }).toMatchObject({ code: 0, outcome: "done", paths: [at("a/b"), at("c")], filesTotal: 3, filesDone: 3 });
  expect(["a/small", "a/b/small", "c/small", "a/b/large"].map((path) => existsSync(on(path)))).toEqual([false, true, true, true]);
  for (const path of ["a/b/small", "c/small", "a/b/large"]) expect(readFileSync(on(path)).equals(readFileSync(at(path)))).toBe(true);
  expect(readFileSync(on("large")).equals(readFileSync(at("large")))).toBe(false);
  expect(await pair.source.cli(["mirror", "start", `${pair.connectionId}`, "--path", "/etc"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("does not lie below"),
  });
  expect((await mirror(pair, ["--checksum-all"])).code).toBe(0);
  await pair.expectEqual();
  for (const [flags, why] of [
    [["--mode", "full", "--newer"], "sends every file"],
    [["--mode", "full", "--checksum"], "compares none"],
    [["--checksum-all", "--newer"], "give one of them"],
  ] as const) {
    expect(await pair.source.cli(["mirror", "start", `${pair.connectionId}`, ...flags])).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
  }
});
