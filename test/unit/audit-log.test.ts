import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Clock } from "../../src/base/clock.js";
import { silentLog } from "../../src/base/log.js";
import type { AuditEntry } from "../../src/model/audit.js";
import { AuditLog, type AuditLogOptions } from "../../src/observe/audit-log.js";
import { makeTempDirectory } from "../support/temp-tree.js";

function entry(more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    at: "2026-07-25T10:00:00.000Z",
    who: "root",
    uid: 0,
    pid: 7,
    from: "admin.sock",
    role: "admin",
    command: "peer.remove",
    input: { name: "beta" },
    result: "ok",
    durationMs: 3,
    leftOut: 0,
    ...more,
  };
}

/** Every thread that Node has for files waits in a call, until the function that is returned lets them go. */
function hangFileSystem(): () => void {
  const pipe = join(makeTempDirectory(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const readers = Array.from({ length: Number(process.env.UV_THREADPOOL_SIZE ?? 4) }, () => openFile(pipe, "r"));
  return () => {
    const writer = openSync(pipe, "w");
    void Promise.all(readers.map(async (reader) => (await reader).close())).then(() => closeSync(writer));
  };
}

const ALL = { limit: 1000, command: null };

function open(more: Partial<AuditLogOptions> = {}): { log: AuditLog; directory: string; path: string } {
  const directory = makeTempDirectory();
  return { log: new AuditLog({ directory, log: silentLog, ...more }), directory, path: join(directory, "audit.jsonl") };
}

test("an entry is a line on the disk when the write resolves, for the account and its group", async () => {
  const { log, path } = open();
  const written = log.write(entry());
  await log.write(entry({ command: "agent.stop" }));
  await written;
  expect(
    readFileSync(path, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([entry(), entry({ command: "agent.stop" })]);
  expect(statSync(path).mode & 0o7777).toBe(0o640);
});

test("the newest entries come first, from as many files as it takes", async () => {
  const { log, directory } = open({ bytesMax: 2_000, filesMax: 3 });
  for (let pid = 0; pid < 40; pid++) await log.write(entry({ pid, command: pid % 10 === 0 ? "agent.stop" : "peer.remove" }));
  expect(readdirSync(directory).sort()).toEqual(["audit.1.jsonl", "audit.2.jsonl", "audit.jsonl"]);
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(2_000);
  const pids = (entries: readonly AuditEntry[]): unknown[] => entries.map(({ pid }) => pid);
  expect(pids(await log.list({ limit: 3, command: null }))).toEqual([39, 38, 37]);
  expect(pids(await log.list({ limit: 2, command: "agent.stop" }))).toEqual([30, 20]);
  const kept = pids(await log.list(ALL));
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => 39 - index));
  expect(kept.length).toBeGreaterThan(20);
});

test("a file is in its directory durably before the first entry of it is answered, the first file and each that follows", async () => {
  const { log, directory } = open({ bytesMax: 500 });
  const handle = await openFile(directory);
  const sync = vi.spyOn(Object.getPrototypeOf(handle), "sync");
  onTestFinished(() => sync.mockRestore());
  await handle.close();
  const files = () => readdirSync(directory).length;
  for (let pid = 0; pid < 6; pid++) {
    await log.write(entry({ pid }));
    expect(sync).toHaveBeenCalledTimes(files());
  }
  expect(files()).toBeGreaterThan(1);
});

test("entries longer than a piece that is read, and whatever text, come back as they were", async () => {
  const { log } = open();
  const entries = [1, 20_000, 100_000].map((length) => entry({ input: { text: "é\n\u2028".repeat(length) } }));
  for (const one of entries) await log.write(one);
  expect(await log.list(ALL)).toEqual([...entries].reverse());
});

test("a line that a crash cut is passed over, and spoils no other", async () => {
  const { log, path, directory } = open();
  await log.write(entry({ pid: 1 }));
  await log.write(entry({ pid: 2 }));
  truncateSync(path, statSync(path).size - 20);
  const next = new AuditLog({ directory, log: silentLog });
  await next.write(entry({ pid: 3 }));
  expect((await next.list(ALL)).map(({ pid }) => pid)).toEqual([3, 1]);
  appendFileSync(path, '{"at":1}\nnull\n[]\n\n');
  expect((await next.list(ALL)).map(({ pid }) => pid)).toEqual([3, 1]);
});

test("what cannot be written holds up nothing, is said once, and is counted in the log afterwards", async () => {
  const said: string[] = [];
  let changes = 0;
  const { log, path } = open({ log: { ...silentLog, error: (message) => said.push(message) }, onChange: () => (changes += 1) });
  mkdirSync(path);
  await log.write(entry({ pid: 1 }));
  await log.write(entry({ pid: 2 }));
  expect(said).toEqual([expect.stringContaining("the audit log cannot be written")]);
  expect(log.reason).toMatchObject({ code: "AUDIT_LOG", object: path });
  expect(changes).toBe(1);
  rmSync(path, { recursive: true });
  await log.write(entry({ pid: 3 }));
  expect(log.reason).toBeUndefined();
  expect(changes).toBe(2);
  expect(await log.list(ALL)).toEqual([entry({ pid: 3 }), expect.objectContaining({ command: "audit.lost", input: { entries: 2 } })]);
});

test("a disk that hangs holds a command up for no longer than the limit", async () => {
  const { log } = open({ waitMs: 1 });
  const goOn = hangFileSystem();
  await log.write(entry()).finally(goOn);
  expect(log.reason?.message).toContain("takes more than 1 ms");
  await log.close();
  expect(log.reason).toBeUndefined();
  expect(await log.list(ALL)).toHaveLength(1);
});

test("refused calls are few in the log, of one account and of all, and the rest is counted", async () => {
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const { log } = open({ clock });
  const refused = (who: string): Promise<void> => log.write(entry({ who, role: "monitor", input: null, result: "REFUSED" }));
  for (let call = 0; call < 100; call++) await refused("eve");
  expect(await log.list(ALL)).toHaveLength(10);
  for (let account = 0; account < 100; account++) await refused(`account ${account}`);
  expect(await log.list(ALL)).toHaveLength(40);
  await log.write(entry({ who: "root" }));
  expect((await log.list(ALL))[0]).toMatchObject({ who: "root", leftOut: 70 });
  expect((await log.list(ALL)).reduce((sum, { leftOut }) => sum + leftOut, 0)).toBe(160);
  nowMs = 600_000;
  await refused("eve");
  expect((await log.list(ALL))[0]).toMatchObject({ who: "eve", leftOut: 0 });
});

test("a log that others could write becomes private again, and a link is not followed", async () => {
  const { log, path, directory } = open();
  writeFileSync(path, "");
  chmodSync(path, 0o666);
  await log.write(entry());
  expect(statSync(path).mode & 0o7777).toBe(0o640);
  rmSync(path);
  writeFileSync(join(directory, "victim"), "");
  symlinkSync(join(directory, "victim"), path);
  await log.write(entry());
  expect(readFileSync(join(directory, "victim"), "utf8")).toBe("");
  expect(log.reason?.code).toBe("AUDIT_LOG");
});
