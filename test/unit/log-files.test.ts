import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import { logEvent } from "../../src/base/events.js";
import type { LogEntry, LogQuery } from "../../src/model/log-entry.js";
import { AgentLog, type AgentLogOptions } from "../../src/observe/agent-log.js";
import { LogFeed } from "../../src/observe/log-feed.js";
import { readLog } from "../../src/observe/log-reader.js";
import { newestOf } from "../../src/observe/log-series.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const PATIENT = { timeout: 20_000, interval: 20 };
const ALL: LogQuery = { limit: 10_000 };

function open(directory: string, options: Partial<AgentLogOptions> = {}): { log: AgentLog; errors: () => string } {
  const stderr = new PassThrough();
  let errors = "";
  stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const files = { maxFileBytes: 100_000, maxFiles: 3, dtlogMaxFileBytes: 100_000, dtlogMaxFiles: 3, maxPathChars: 32_760 };
  const common = { directory, level: "info" as const, format: "text" as const, ...files, system: null, retryMs: 20 };
  return { log: AgentLog.open({ ...common, stderr: stderr as unknown as NodeJS.WriteStream, ...options }), errors: () => errors };
}

const read = (directory: string, name: string): string[] => readFileSync(join(directory, name), "utf8").trimEnd().split("\n");
const messages = (entries: readonly LogEntry[]): string[] => entries.map(({ message }) => message);

test("one event is one line of each file, in the columns of the field", async () => {
  const directory = makeTempDirectory();
  const { log, errors } = open(directory);
  logEvent(log, "mirrorStarted", { connection: 1, repset: "docs", target: "B", mode: "full", reason: "first" }, { files: 3 });
  log.warn("free text\nof \u001b[31mtwo lines\u2028 and half a pair \ud800", {
    path: "/a\nb",
    token: "geheim",
    key: { passphrase: "geheim" },
    bytes: Buffer.from("content"),
  });
  log.debug("not at this level");
  await log.close();
  const [start, first, second, ...more] = read(directory, "dtlog1.dtl");
  expect([start, more]).toEqual(["00/00/0000 00:00:00.0000 Application starting", []]);
  const ids = `${process.pid} ${process.pid}`;
  expect(first).toMatch(new RegExp(String.raw`^\d\d/\d\d/\d{4} \d\d:\d\d:\d\d\.\d{4} ${ids} 1 2 89 Mirror started 1: docs to B, full: first$`));
  expect(second).toMatch(new RegExp(String.raw`^\d\d/\d\d/\d{4} \S+ ${ids} 2 1 0 free text\\x0aof \\x1b\[31mtwo lines\\u2028 and half a pair \\ud800$`));
  const text = read(directory, "sm.log");
  expect(text).toHaveLength(2);
  expect(text[0]).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}Mirror started 1: .* \{"files":3,"connection":1,.*"event":89,"name":"mirrorStarted","system":4019,"seq":1\}$/,
  );
  expect(text[1]).toContain('{"path":"/a\\nb","token":"***","key":{"passphrase":"***"},"bytes":"<7 bytes>","seq":2}');
  expect(errors()).toBe(`${text.join("\n")}\n`);
  expect(errors()).not.toContain("geheim");
});

test("with format json the log is JSON, and the dtlog keeps its columns; both are read back alike", async () => {
  const entries = async (format: "text" | "json"): Promise<readonly LogEntry[]> => {
    const directory = makeTempDirectory();
    const { log } = open(directory, { format, level: "debug", maxPathChars: 20 });
    logEvent(log, "unreadable", { path: `/${"x".repeat(40)}`, reason: "denied" }, { message: "another" });
    log.debug('text that ends like fields {"seq":7}', { error: new Error("odd"), at: new Date(0), much: 10n, level: 3 });
    await log.close();
    if (format === "json")
      expect(JSON.parse(read(directory, "sm.log")[0] ?? "")).toMatchObject({ level: "warn", seq: 1, event: 53003, name: "unreadable", message_: "another" });
    expect(read(directory, "dtlog1.dtl")).toHaveLength(2);
    return (await readLog(directory, ALL)).entries;
  };
  const [text, json] = [await entries("text"), await entries("json")];
  const plain = (all: readonly LogEntry[]): unknown => all.map(({ time: _, fields: { error: __, ...fields }, ...entry }) => ({ ...entry, fields }));
  expect(plain(text)).toEqual(plain(json));
  expect(text[0]?.message).toBe(`Could not read /${"x".repeat(18)}…: denied`);
  expect(text[1]).toMatchObject({
    message: 'text that ends like fields {"seq":7}',
    seq: 2,
    event: 0,
    fields: { at: "1970-01-01T00:00:00.000Z", much: "10", level_: 3 },
  });
});

test("files turn at their size: the newest dtlog has the next number, sm.log pushes the others on; the sequence goes on over restarts", async () => {
  const directory = makeTempDirectory();
  const options = { maxFileBytes: 4096, dtlogMaxFileBytes: 4096 };
  for (let run = 0; run < 3; run++) {
    const { log } = open(directory, options);
    for (let i = 0; i < 100; i++) {
      log.info(`line ${run} ${i} ${"x".repeat(100)}`);
      if (i % 10 === 0) await log.flush();
    }
    await log.close();
  }
  const names = readdirSync(directory).sort();
  expect(names.filter((name) => name.startsWith("sm"))).toEqual(["sm.log", "sm1.log", "sm2.log"]);
  const numbers = names.filter((name) => name.startsWith("dtlog")).map((name) => Number(/\d+/.exec(name)));
  expect(numbers).toHaveLength(3);
  expect(Math.max(...numbers) - Math.min(...numbers)).toBe(2);
  for (const name of names) expect(readFileSync(join(directory, name)).length).toBeLessThanOrEqual(4096);
  const { entries, cursor } = await readLog(directory, ALL);
  expect(cursor).toBe(300);
  expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: entries.length }, (_, i) => 301 - entries.length + i));
  expect(newestOf([])).toBe(1);
  expect([newestOf([1, 2, 3]), newestOf([998, 999, 1, 2]), newestOf([999]), newestOf([4, 5, 999])]).toEqual([3, 2, 999, 5]);
});

test("after dtlog999 comes dtlog1, and one that cannot be removed is removed later", async () => {
  const directory = makeTempDirectory();
  for (const number of [997, 998, 999]) writeFileSync(join(directory, `dtlog${number}.dtl`), `${"x".repeat(4000)}\n`);
  // No file, so that it cannot be removed as one.
  mkdirSync(join(directory, "dtlog996.dtl"));
  const { log } = open(directory, { dtlogMaxFileBytes: 4096 });
  log.info("y".repeat(3000));
  await log.flush();
  expect(
    readdirSync(directory)
      .filter((name) => name.startsWith("dtlog"))
      .sort(),
  ).toEqual(["dtlog1.dtl", "dtlog996.dtl", "dtlog998.dtl", "dtlog999.dtl"]);
  rmSync(join(directory, "dtlog996.dtl"), { recursive: true });
  writeFileSync(join(directory, "dtlog996.dtl"), "");
  log.info("y".repeat(3000));
  await log.close();
  expect(
    readdirSync(directory)
      .filter((name) => name.startsWith("dtlog"))
      .sort(),
  ).toEqual(["dtlog1.dtl", "dtlog2.dtl", "dtlog999.dtl"]);
});

test("a directory that goes, or turns into something else, is said once; what was logged meanwhile is written when it is back", async () => {
  const directory = join(makeTempDirectory(), "log");
  const { log, errors } = open(directory);
  log.info("before");
  await log.flush();
  renameSync(directory, `${directory}.away`);
  log.info("made anew");
  await log.flush();
  expect(messages((await readLog(directory, ALL)).entries)).toEqual(["made anew"]);
  rmSync(directory, { recursive: true });
  writeFileSync(directory, "no directory");
  for (let i = 0; i < 5; i++) log.info(`kept ${i}`);
  await vi.waitFor(() => expect(log.fault?.message).toMatch(/^the log .* cannot be written: /), PATIENT);
  log.info("kept too");
  expect(errors().match(/the log sm\.log cannot be written/g)).toHaveLength(1);
  rmSync(directory);
  await vi.waitFor(() => expect([log.fault, existsSync(join(directory, "sm.log"))]).toEqual([null, true]), PATIENT);
  await log.close();
  expect(messages((await readLog(directory, ALL)).entries)).toEqual(["kept 0", "kept 1", "kept 2", "kept 3", "kept 4", "kept too"]);
});

test("a full volume stops nobody: lines wait within a bound, the rest is counted, and none is torn", async () => {
  const directory = makeTempDirectory();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", directory]);
  onTestFinished(() => void execFileSync("umount", [directory]));
  writeFileSync(join(directory, "ballast"), Buffer.alloc(40_000));
  const { log } = open(directory, { maxFileBytes: 10_000_000, dtlogMaxFileBytes: 10_000_000 });
  for (let i = 0; i < 5000; i++) log.info(`line ${i} ${"x".repeat(500)}`);
  await vi.waitFor(() => expect(log.fault?.message).toMatch(/ENOSPC/), PATIENT);
  rmSync(join(directory, "ballast"));
  execFileSync("mount", ["-o", "remount,size=64m", directory]);
  await vi.waitFor(() => expect(log.fault).toBeNull(), PATIENT);
  await log.close();
  const { entries } = await readLog(directory, ALL);
  const lost = entries.find(({ name }) => name === "logLost");
  expect(lost).toMatchObject({ event: 20902, fields: { reason: expect.stringContaining("ENOSPC") } });
  const lines = entries.filter(({ message }) => message.startsWith("line "));
  expect(lines.length).toBeGreaterThan(1000);
  expect(lines.at(-1)?.message).toMatch(/^line 4999 x{500}$/);
  const all = new Set(entries.map(({ seq }) => seq));
  expect(all.size).toBe(entries.length);
  // Of the lines of sm.log every one is there, or counted.
  const told = entries.filter(({ name }) => name === "logLost").map(({ fields }) => Number(fields.count));
  expect(told.map((count) => count + lines.length)).toContain(5000);
});

const JOE = { role: "monitor", name: "joe" };

test("what is asked for is found backwards over the files; news are waited for, within the time", async () => {
  const directory = makeTempDirectory();
  const { log } = open(directory, { maxFileBytes: 4096, maxFiles: 50, level: "debug" });
  const feed = new LogFeed(log);
  for (let i = 1; i <= 60; i++) {
    const names = { connection: i % 3, repset: "docs", target: "B" };
    if (i % 2 === 0) logEvent(log, "mirrorEnded", names);
    else log.debug("x".repeat(300), { connection: i % 3 });
  }
  expect((await feed.read({ limit: 3, level: "info", connection: 1 })).entries.map(({ seq }) => seq)).toEqual([46, 52, 58]);
  expect(await feed.read({ limit: 2, event: 4023 })).toMatchObject({ isCut: true, cursor: 60, entries: [{ seq: 58 }, { seq: 60, event: 93 }] });
  expect((await feed.read({ limit: 1000, event: 93 })).entries).toHaveLength(30);
  expect((await feed.read({ limit: 1000, sinceMs: Date.now() + 60_000 })).entries).toEqual([]);
  expect((await feed.read({ limit: 1000, after: 58 })).entries.map(({ seq }) => seq)).toEqual([59, 60]);
  // Of a log that was there before this one.
  expect((await feed.read({ limit: 2, after: 1000 })).entries.map(({ seq }) => seq)).toEqual([59, 60]);
  expect(await feed.wait({ limit: 10, after: 60 }, 30, JOE)).toEqual({ entries: [], cursor: 60, isCut: false });
  const waiting = feed.wait({ limit: 10, after: 60, level: "warn" }, 20_000, JOE);
  log.info("not this severe");
  log.warn("news");
  expect(await waiting).toMatchObject({ entries: [{ seq: 62, message: "news" }], cursor: 62 });
  log.setLevel("error");
  log.warn("not any more");
  log.error("still");
  expect(messages((await feed.read({ limit: 10, after: 62 })).entries)).toEqual(["still"]);
  await log.close();
  expect(await readLog(join(directory, "none"), ALL)).toEqual({ entries: [], cursor: 0, isCut: false });
});

test("lines that a crash tore, foreign ones and very long ones are passed over", async () => {
  const directory = makeTempDirectory();
  writeFileSync(join(directory, "sm.log"), `{"timestamp":1}\n${"z".repeat(3_000_000)}\n2026-01-01T00:00:00.000Z INFO  torn {"se`);
  const { log } = open(directory, { maxFileBytes: 100_000_000 });
  log.info("first");
  await log.close();
  expect(await readLog(directory, ALL)).toMatchObject({ entries: [{ message: "first", seq: 1 }], cursor: 1 });
});

test("who follows the log keeps nobody of another role out, and one caller not all of their own", async () => {
  const { log } = open(makeTempDirectory(), {});
  const feed = new LogFeed(log);
  const wait = (name: string, role = "monitor"): Promise<unknown> => feed.wait({ limit: 1, level: "error" }, 60_000, { role, name });
  const busy = expect.objectContaining({ code: "API_BUSY" });
  const waiting = Array.from({ length: 50 }, () => wait("joe"));
  await expect(wait("joe")).rejects.toEqual(busy);
  waiting.push(...Array.from({ length: 50 }, (_, i) => wait(`user ${i}`)));
  await expect(wait("ann")).rejects.toEqual(busy);
  waiting.push(wait("joe", "admin"));
  log.error("news");
  for (const page of await Promise.all(waiting)) expect(page).toMatchObject({ entries: [{ message: "news" }] });
  // The places are free again.
  expect(await feed.wait({ limit: 1, after: 0 }, 1, JOE)).toMatchObject({ entries: [{ message: "news" }] });
  await log.close();
});
