import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EVENTS, type EventEntry, eventIn, logEvent } from "../../src/base/events.js";
import type { LogFields } from "../../src/base/log.js";
import { silentLog, withFields } from "../../src/base/log.js";
import { ROOT } from "../support/sm-program.js";

const ALL: readonly (readonly [string, EventEntry])[] = Object.entries(EVENTS);

test("numbers are those of the guide or of the range of sm, and no two events have one number of the system's log", () => {
  const system = ALL.map(([, { system: number }]) => number).filter((number) => number !== null);
  // A link that is made anew, and a worker that died, are what the guide has one number for.
  const shared = system.filter((number, index) => system.indexOf(number) !== index);
  expect(shared).toEqual([4044]);
  for (const [name, { id, system: number, level, remedy, meaning, text }] of ALL) {
    const isOwn = id >= 20_000 && id <= 20_999;
    expect(isOwn || [69, 70, 99_999, 801, 51_001, 51_501, 51_503, 52_501, 52_503, 53_001, 53_003].includes(id) || (id >= 71 && id <= 102), name).toBe(true);
    expect(number === null || number === id || (number >= 4000 && number <= 4205), name).toBe(true);
    if (level === "error") expect([name, number !== null, remedy !== ""]).toEqual([name, true, true]);
    expect([meaning.length > 10, text.length > 5], name).toEqual([true, true]);
  }
  const own = ALL.map(([, { id }]) => id).filter((id) => id >= 20_000 && id <= 20_999);
  expect(new Set(own).size).toBe(own.length);
});

test("severities of the system's log are those of the guide", () => {
  const bySystem = new Map(ALL.map(([, { system, level }]) => [system, level]));
  const warnings = [4007, 4018, 4110, 4111, 4112, 4113, 4155];
  const errors = [4006, 4011, 4044, 4046, 4150];
  for (const [system, level] of bySystem) {
    if (system === null || system > 4999) continue;
    expect([system, level]).toEqual([system, errors.includes(system) ? "error" : warnings.includes(system) ? "warn" : "info"]);
  }
});

test("every event of the table is logged somewhere", () => {
  const used = new Set(
    execFileSync("grep", ["-rhoE", '"[a-zA-Z]+"', "--include=*.ts", "--exclude-dir=event-table", "src"], { cwd: ROOT, encoding: "utf8" }).split("\n"),
  );
  expect(ALL.map(([name]) => name).filter((name) => !used.has(`"${name}"`))).toEqual([]);
});

test("an event is logged with its severity, its text and its fields", () => {
  const lines: [string, string, LogFields | undefined][] = [];
  const log = { ...silentLog, info: (message: string, fields?: LogFields) => lines.push(["info", message, fields]) };
  logEvent(withFields(log, { repset: "docs" }), "moves", { connection: 7 }, { why: "it was repaired" });
  const fields = { repset: "docs", connection: 7, why: "it was repaired", event: "moves" };
  expect(lines).toEqual([["info", "Connection 7 moves again", fields]]);
  expect(eventIn(fields)).toEqual({ name: "moves", entry: EVENTS.moves });
  expect([eventIn({ event: "toString" }), eventIn({ event: 89 }), eventIn({})]).toEqual([undefined, undefined, undefined]);
});

test("docs/logs.md has the events of the table", () => {
  const page = execFileSync(process.execPath, [join(ROOT, "scripts/logs-doc.mjs"), "--print"], { encoding: "utf8" });
  expect(readFileSync(join(ROOT, "docs/logs.md"), "utf8"), "run: npm run build && node scripts/logs-doc.mjs").toBe(page);
});
