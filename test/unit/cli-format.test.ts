import { expect, test } from "vitest";
import { formatConnection, formatConnectionList } from "../../src/cli/format/connection-text.js";
import { formatConsistency } from "../../src/cli/format/consistency-text.js";
import { formatExplanation } from "../../src/cli/format/explanation-text.js";
import { formatMirror, formatMirrorLine } from "../../src/cli/format/mirror-text.js";
import { formatPeerList } from "../../src/cli/format/peer-text.js";
import { jsonText, printable } from "../../src/cli/format/printable.js";
import { formatBytes, formatDuration } from "../../src/cli/format/quantities.js";
import { formatRepsetList, formatRepsetSaved } from "../../src/cli/format/repset-text.js";
import { formatStatus } from "../../src/cli/format/status-text.js";
import { formatTable } from "../../src/cli/format/table.js";
import { formatTransmission } from "../../src/cli/format/transmission-text.js";
import { progressDetail } from "../../src/cli/progress/progress.js";
import { RateMeter } from "../../src/cli/progress/rate-meter.js";
import type { SetExplanation } from "../../src/model/explanation.js";
import type { Reason } from "../../src/model/status.js";
import { AUTOMATIC } from "../../src/model/transmission.js";
import { captureReport, connectionReport, idleMirror, MemoryAgentControl, transmissionReport } from "../support/memory-agent-control.js";

const long = "x".repeat(300);

function expectFits(text: string): void {
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
}

test("lists fit 80 columns whatever the names", () => {
  const connection = connectionReport({
    repset: long,
    target: long,
    state: "mirroring",
    targetDataState: "Mirror Required",
    queuedOps: 123_456_789,
    lagMs: 90_000_000,
  });
  expectFits(formatConnectionList([connection, connectionReport()]));
  expectFits(formatRepsetList([{ name: long, generation: 4_000_000, rules: [{ path: `/${long}`, mode: "include", recursive: true }] }]));
  const addresses = [{ host: long, port: 1500 }];
  const identity = { fingerprint: "cd".repeat(32), validFrom: "2026-01-02T03:04:05Z", validTo: "2056-01-02T03:04:05Z", rotation: null };
  const nowMs = Date.parse("2026-01-03T00:00:00Z");
  expectFits(formatPeerList([{ name: long, fingerprint: "ab".repeat(32), addresses, addedAt: "2026-01-02T03:04:05Z", reachable: null }], identity, nowMs));
  const waiting = [{ name: "beta", why: "dialling beta at 10.0.0.2:1500: ECONNREFUSED" }];
  const rotation = { fingerprint: "ef".repeat(32), startedAt: "2026-01-03T00:00:00Z", until: "2026-01-10T00:00:00Z", waiting };
  const text = formatPeerList([], { ...identity, rotation }, nowMs);
  expect(text).toContain(`its next key: ${"ef".repeat(32)}`);
  expect(text).toContain("waits for beta: dialling beta");
});

test("a table keeps narrow columns whole and aligns numbers to the right", () => {
  const rows = [
    ["a", "1"],
    ["bbbbbbbbbbbb", "1000"],
  ] as const;
  const columns = [
    { header: "NAME", cell: (row: readonly string[]) => row[0] ?? "" },
    { header: "N", align: "right" as const, cell: (row: readonly string[]) => row[1] ?? "" },
  ];
  expect(formatTable(rows, columns, 14)).toBe("NAME         N\na            1\nbbbbbbb…  1000");
});

test("status shows captures, connections, and each reason under what it concerns", () => {
  const agent = new MemoryAgentControl({ pid: 42 });
  const reason: Reason = {
    code: "CHANNEL_LOST",
    message: "the link to beta broke",
    object: "beta",
    since: "2026-01-02T03:04:05.678Z",
    next: "reconnect",
    nextAt: "2026-01-02T03:05:00Z",
    command: "sm peer list",
  };
  agent.setConnection(connectionReport({ reasons: [reason], queuedOps: 12, lagMs: 1500, targetStatus: "Unreachable" }));
  const text = formatStatus(agent.status(), Date.parse("2026-01-02T03:06:05Z"));
  expect(text).toContain("agent alpha (sm 0.1.0), pid 42, listening on 127.0.0.1:1500, up 2 min 0 s");
  expect(text).toContain("tier 4 (chokidar)");
  expect(text).toContain("3 of 3 directories watched");
  expect(text).toContain("blind spot: Writes through mmap");
  expect(text).toContain("  1  home → beta (10.0.0.2:1500)  replicating\n     /home → /backup/home\n");
  expect(text).toContain("queue 12 ops, 0 B, lag 2 s");
  expect(text).toContain(
    "     ! CHANNEL_LOST: the link to beta broke\n       since 2026-01-02 03:04:05Z; next: reconnect (at 2026-01-02 03:05:00Z)\n       command: sm peer list",
  );
});

test("status shows targets, and how to begin when there is nothing", () => {
  const report = new MemoryAgentControl().status();
  expect(formatStatus(report, 0)).toContain("sm repset create SET --include PATH");
  const target = {
    connectionId: 3,
    source: "alpha",
    repset: "home",
    mappings: [{ source: "/a", target: "/b" }],
    online: false,
    appliedSeq: 5,
    durableSeq: 4,
    consistency: { seq: 9, at: "2026-01-02T03:04:05.678Z", lagMs: 0, reason: null },
    receivedBytes: 2048,
    pause: "no" as const,
    reasons: [],
  };
  expect(formatStatus({ ...report, targets: [target] }, 0)).toContain(
    "3  home from alpha  offline\n     /a → /b\n     2.0 KiB received, change set 5 applied, 4 durable\n     consistent 2026-01-02 03:04:05Z (change set 9), current",
  );
  const capture = captureReport("home");
  const advised = { ...capture, coverage: { ...capture.coverage, walkSeconds: 60, losses: 2, advice: "raise the limit" } };
  expect(formatStatus({ ...report, captures: [advised] }, 0)).toMatch(/walked every 1 min 0 s, 2 losses repaired[\s\S]*advice: raise the limit/);
});

test("a connection shows its problems and how many more there are", () => {
  const problem = { path: "/home/x", code: "FS_DENIED", message: "no access", at: "2026-01-02T03:04:05Z" };
  const text = formatConnection(connectionReport({ problems: [problem], problemCount: 3, connectedSince: null }));
  expect(text).toContain("3 problems:\n    /home/x: FS_DENIED: no access\n    and 2 more");
});

test("a connection shows what compression saves, and when the target does not read the level wanted", () => {
  const sent = { sentBytes: 4096, sentCompressedBytes: 1000, compression: "brotli" } as const;
  const text = formatConnection(connectionReport({ ...sent, compressionInUse: "brotli" }));
  expect(text).toContain("sent            4.0 KiB, 1000 B on the wire (4.1 : 1)\n  compression     brotli\n");
  expect(formatConnection(connectionReport({ ...sent, compressionInUse: "lz4" }))).toContain("compression     lz4: the target does not read brotli\n");
  expect(formatConnection(connectionReport({ compressionInUse: null }))).toContain("sent            0 B, 0 B on the wire (–)\n  compression     off\n");
});

test("the consistency point says as of when, how far behind, or why not", () => {
  const reason: Reason = { code: "FORCED", message: "no rest", object: "c", since: "2026-01-02T03:05:00Z", next: "", nextAt: null, command: null };
  const point = { seq: 1234, at: "2026-01-02T03:04:05.678Z", lagMs: 1500, reason: null };
  expect(formatConsistency(point)).toBe("2026-01-02 03:04:05Z (change set 1,234), 2 s behind");
  expect(formatConsistency({ ...point, reason })).toBe("not since 2026-01-02 03:05:00Z: no rest; last 2026-01-02 03:04:05Z (change set 1,234)");
  expect(formatConsistency({ seq: 0, at: null, lagMs: 0, reason })).toBe("not since 2026-01-02 03:05:00Z: no rest");
});

test("a mirror says what it does and how it ended", () => {
  expect(formatMirrorLine(idleMirror())).toBe("Idle");
  const running = idleMirror({
    status: "Mirroring",
    mode: "full",
    outcome: "running",
    percent: 41.9,
    bytesTotal: 2048,
    bytesDone: 1024,
    filesTotal: 4,
    filesDone: 1,
    filesRemaining: 3,
    bytesRemaining: 1024,
    bytesPerSecond: 512,
    secondsLeft: 2,
  });
  const outlook = "3 files and 1.0 KiB to go, 512 B/s, 2 s left";
  expect(formatMirrorLine(running)).toBe(`Mirroring (full) 41 %, 1/4 files, 1.0 KiB of 2.0 KiB, ${outlook}`);
  const unsized = { percent: null, filesTotal: 0, bytesTotal: 0, filesRemaining: null, bytesRemaining: null, secondsLeft: null };
  expect(formatMirrorLine({ ...running, ...unsized })).toBe("Mirroring (full) 1 files, 1.0 KiB, 512 B/s");
  expect(formatMirrorLine({ ...running, status: "Paused", secondsLeft: null })).toBe("Paused (full) 41 %, 1/4 files, 1.0 KiB of 2.0 KiB");
  expect(formatMirrorLine(idleMirror({ status: "Paused", percent: 40 }))).toBe("Paused 40 %");
  expect(formatMirrorLine(idleMirror({ status: "Paused" }))).toBe("Paused");
  expect(formatMirror(idleMirror({ id: 2, outcome: "done", mode: "difference", orphans: 3, bytesSkipped: 4096 }))).toBe(
    "mirror 2: Idle (last: difference, done, 0 files, 0 B)\n  skipped as equal: 4.0 KiB\n  orphans on the target: 3",
  );
  expect(progressDetail(running)).toBe(`1/4 files, 1.0 KiB of 2.0 KiB, ${outlook}`);
});

test("dropped rules are named", () => {
  const rule = { path: "/a/b", mode: "include", recursive: false } as const;
  expect(formatRepsetSaved({ repset: { name: "s", generation: 2, rules: [] }, dropped: [{ rule, reason: "/a holds it" }] })).toBe(
    "s, generation 2\n  dropped: include /a/b (not recursive): /a holds it",
  );
});

test("no name steers the terminal", () => {
  expect(printable("a\x1b[31m\u009b\t\rb\nc")).toBe("a\\x1b[31m\\x9b\\x09\\x0db\nc");
  expect(jsonText({ a: "\x1b\u009b\x7fé" })).toBe('{"a":"\\u001b\\u009b\\u007fé"}');
  expect(JSON.parse(jsonText(["\u009b\x7f"]))).toEqual(["\u009b\x7f"]);
});

test("no name makes a line that looks like one of ours", () => {
  const evil = "/home/a\n! HALTED: run me\n  command: rm";
  const told = [
    formatExplanation({ path: evil, onDisk: null, sets: [] }),
    formatConnection(
      connectionReport({ lastFileTouched: evil, problemCount: 1, problems: [{ path: evil, code: "FS_IO", message: evil, at: "2026-01-01T00:00:00Z" }] }),
    ),
    formatConnection(connectionReport({ mappings: [{ source: evil, target: evil }] })),
    formatConnectionList([connectionReport({ repset: evil })]),
  ];
  for (const text of told) expect(text.split("\n").filter((line) => /^ *(!|command:)/.test(line))).toEqual([]);
  expect(told.join("\n")).toContain("/home/a\\x0a! HALTED");
});

test("quantities", () => {
  expect([0, 1023, 1024, 1024 ** 3 * 1.5, 1024 ** 2 * 500].map(formatBytes)).toEqual(["0 B", "1023 B", "1.0 KiB", "1.5 GiB", "500 MiB"]);
  expect([0, 850, 12_000, 185_000, 7_800_000, 360_000_000].map(formatDuration)).toEqual(["0 s", "850 ms", "12 s", "3 min 5 s", "2 h 10 min", "4 d 4 h"]);
});

test("a rate is that of the last seconds and survives a counter that begins anew", () => {
  const meter = new RateMeter(1_000);
  expect(meter.add(0, 0)).toBe(0);
  expect(meter.add(100, 1_000)).toBe(100);
  expect(meter.add(100, 2_000)).toBe(0);
  expect(meter.add(5, 3_000)).toBe(0);
  expect(meter.add(25, 4_000)).toBe(20);
});

test("an explanation says what decides, what is known, what waits, and where it goes", () => {
  const facts = { type: "file", size: 2048, mtime: "2026-01-02T03:04:05.000000006Z", device: "8:1", inode: 12, birthTime: null } as const;
  const set: SetExplanation = {
    repset: "home",
    root: "/home",
    decision: "included",
    rule: { path: "/home", mode: "include", recursive: true },
    ruleNumber: 1,
    knowledge: { known: { ...facts, version: 3, names: 2, isYoung: true }, waits: ["event", "listing", "missing", "doubt"] },
    targets: [{ connection: 1, target: "beta", path: "/backup/a", state: "replicating", isChecked: true, appliedSeq: 4, lastSeq: 5 }],
  };
  expect(formatExplanation({ path: "/home/a", onDisk: facts, sets: [set] }).split("\n")).toEqual([
    "/home/a",
    "  on disk: file, 2.0 KiB, mtime 2026-01-02T03:04:05.000000006Z",
    "    device 8:1, inode 12",
    "set home: included by rule 1, include /home",
    "  in its directory /home",
    "  known: file, 2.0 KiB, mtime 2026-01-02T03:04:05.000000006Z",
    "    device 8:1, inode 12",
    "    version 3, 2 names, looked at again",
    "  waits: something happened to it and is about to be looked at",
    "  waits: a directory in which it lies is about to be listed",
    "  waits: it is gone; its removal waits for a rename that explains it",
    "  waits: its content is in doubt: the targets will be asked for their blocks",
    "  connection 1 to beta: /backup/a",
    "    replicating, 4 of 5 change sets applied",
    "    its content is being compared",
  ]);
  const said = (part: Partial<SetExplanation>): string => formatExplanation({ path: "/home/a", onDisk: null, sets: [{ ...set, ...part }] });
  expect(said({ decision: "excluded" })).toContain("excluded by rule 1, include /home");
  expect(said({ decision: "excluded", rule: null, ruleNumber: null })).toContain("not included: no rule is about it");
  expect(said({ decision: "way", rule: null, ruleNumber: null })).toContain("on the way to what is included; no rule is about it");
  expect(said({ knowledge: null })).toContain("known: nothing yet");
  expect(said({ knowledge: { known: null, waits: [] } })).toContain("known: nothing is replicated from here");
  expect(said({ targets: [] })).toContain("  not connected");
  expect(formatExplanation({ path: "/x", onDisk: null, sets: [] })).toBe(
    "/x\n  on disk: nothing, or it cannot be looked at\n  outside of every replication set",
  );
});

test("an automatic limit says what it was measured by, and what it is at present", () => {
  const automatic = { limit: { standing: AUTOMATIC, times: [] }, rateNow: AUTOMATIC };
  expect(formatTransmission(transmissionReport(1, automatic))).toContain("limit           automatic: 70 % of what the path carries\n    measured      not yet");
  const measured = { bytesPerSecond: 10 << 20, at: "2026-11-20T12:00:00.000Z", roundTripMs: 50, fullRoundTripMs: 90 };
  const text = formatTransmission(transmissionReport(1, { ...automatic, measured, bytesPerSecondNow: 7 << 20 }));
  expect(text).toMatch(/measured +10.0 MiB\/s at .*; round trip 50 ms, 90 ms with the path full\n +at present +7.0 MiB\/s\n/);
  const fixed = { bytesPerSecond: 1 << 20, share: null };
  expect(formatTransmission(transmissionReport(1, { ...automatic, measured, rateNow: fixed, bytesPerSecondNow: 1 << 20 }))).not.toContain("at present");
});
