import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { logEvent } from "../../src/base/events.js";
import { DatagramSocket } from "../../src/fs/datagram-socket.js";
import { AgentLog } from "../../src/observe/agent-log.js";
import { readLog } from "../../src/observe/log-reader.js";
import { recordOf } from "../../src/observe/log-record.js";
import { SystemLog, type SystemLogOptions } from "../../src/observe/system-log.js";
import { DatagramSink } from "../support/datagram-sink.js";
import { makeTempDirectory } from "../support/temp-tree.js";

const PATIENT = { timeout: 20_000, interval: 20 };
let seq = 0;
const record = (event: "targetFull" | "guardHeld", reason: string) =>
  recordOf({
    level: event === "guardHeld" ? "error" : "warn",
    message: "",
    fields: { event, reason, connection: 1 },
    seq: ++seq,
    timeMs: Date.now(),
    textCharsMax: 1000,
  });

function open(path: string, options: Partial<SystemLogOptions> = {}): { log: SystemLog; absent: string[] } {
  const absent: string[] = [];
  const log = new SystemLog({ connect: () => DatagramSocket.connect(path), onAbsent: (reason) => absent.push(reason), ...options });
  onTestFinished(() => log.close());
  return { log, absent };
}

test("events go to the log of the system with facility, severity, identity and number, and nothing else does", async () => {
  const directory = makeTempDirectory();
  const path = join(directory, "log");
  const sink = await DatagramSink.open(path);
  const files = { maxFileBytes: 100_000, maxFiles: 2, dtlogMaxFileBytes: 100_000, dtlogMaxFiles: 2, maxPathChars: 1000 };
  const log = AgentLog.open({ directory, level: "error", format: "text", ...files, system: () => DatagramSocket.connect(path) });
  logEvent(log, "targetPaused", { what: "every connection" });
  logEvent(log, "targetFull", { reason: "no room\nfor /a\u0007b" });
  logEvent(log, "guardHeld", { connection: 3, reason: "much was lost" });
  logEvent(log, "moves", { connection: 3 });
  log.error("free text");
  await vi.waitFor(() => expect(sink.lines).toHaveLength(3), PATIENT);
  const head = String.raw`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d sm\[${process.pid}\]: `;
  expect(sink.lines[0]).toMatch(new RegExp(`^<30>${head}4026 The target has been paused: every connection$`));
  expect(sink.lines[1]).toMatch(new RegExp(`^<28>${head}4110 Target full! no room.x0afor /a.x07b$`));
  expect(sink.lines[2]).toMatch(new RegExp(`^<27>${head}20211 Connection 3 is held: much was lost$`));
  await log.close();
  // What goes there does not depend on the level of the files.
  expect((await readLog(directory, { limit: 10 })).entries.map(({ event }) => event)).toEqual([20_211, 0]);
});

test("the same event many times over is told a few times, then as a number", async () => {
  const path = join(makeTempDirectory(), "log");
  const sink = await DatagramSink.open(path);
  const { log } = open(path, { burst: 3, windowMs: 50 });
  for (let i = 0; i < 40; i++) log.take(record("targetFull", `file ${i}`));
  log.take(record("guardHeld", "another event"));
  await vi.waitFor(() => expect(sink.lines.join("\n")).toContain("4110 37 suppressed"), PATIENT);
  expect(sink.lines.filter((line) => line.includes("Target full!"))).toHaveLength(3);
  expect(sink.lines.filter((line) => line.includes("another event"))).toHaveLength(1);
});

test("a receiver that is stuck holds up nothing: what it does not take waits within a bound, and what is lost is counted", async () => {
  const path = join(makeTempDirectory(), "log");
  const sink = await DatagramSink.open(path);
  const { log } = open(path, { burst: 10_000 });
  sink.stop();
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  for (let i = 0; i < 3000; i++) log.take(record("targetFull", `file ${i} ${"x".repeat(500)}`));
  await vi.waitFor(() => expect(turns).toBeGreaterThan(20), PATIENT);
  clearInterval(timer);
  expect(sink.lines.length).toBeLessThan(3000);
  sink.resume();
  await vi.waitFor(() => expect(sink.lines.at(-1)).toMatch(/\d+ lines of sm were not taken/), PATIENT);
  const lost = Number(/(\d+) lines of sm/.exec(sink.lines.at(-1) ?? "")?.[1]);
  expect(sink.lines).toHaveLength(3000 - lost + 1);
  expect(lost).toBeGreaterThan(1000);
});

test("one that is restarted gets what came meanwhile; where there is none it is said once", async () => {
  const path = join(makeTempDirectory(), "log");
  const { log, absent } = open(path);
  log.take(record("guardHeld", "1"));
  log.take(record("guardHeld", "2"));
  expect(absent).toEqual(["ENOENT"]);
  const later = open(path);
  const before = await DatagramSink.open(path);
  later.log.take(record("guardHeld", "first"));
  await vi.waitFor(() => expect(before.lines).toHaveLength(1), PATIENT);
  await before.close();
  rmSync(path);
  later.log.take(record("guardHeld", "meanwhile"));
  const after = await DatagramSink.open(path);
  expect(statSync(path).isSocket()).toBe(true);
  await vi.waitFor(() => expect(after.lines.join()).toContain("meanwhile"), PATIENT);
  expect(DatagramSocket.connect("x".repeat(200))).toBe("ENAMETOOLONG");
});
