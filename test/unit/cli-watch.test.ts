import { expect, test } from "vitest";
import { foldText, textWidth } from "../../src/cli/format/text-width.js";
import { noteValue, type RateWindow, rateOf, rateUntil } from "../../src/cli/progress/rate-window.js";
import { cutLine, line, lineWidth, type ScreenLine, span, spread } from "../../src/cli/watch/screen-line.js";
import { fitSections, type Section } from "../../src/cli/watch/screen-sections.js";
import { scrollMax, watchLines } from "../../src/cli/watch/watch-lines.js";
import { type Look, messagesBetween } from "../../src/cli/watch/watch-message.js";
import { beginWatch, MESSAGES_MAX, nextWatch, type WatchKey, type WatchState } from "../../src/cli/watch/watch-model.js";
import type { JobReport } from "../../src/model/job.js";
import type { ConnectionReport, Reason, StatusReport, TargetConnectionReport } from "../../src/model/status.js";
import { NOTHING_VERIFIED } from "../../src/model/verify.js";
import { connectionReport, idleMirror, MemoryAgentControl } from "../support/memory-agent-control.js";
import { SINCE } from "../support/memory-reports.js";

const NOW = Date.parse(SINCE) + 60_000;
const SIZE = { columns: 80, rows: 24 };

function reason(code: string, message = "why"): Reason {
  return { code, message, object: "beta", since: SINCE, next: "wait", nextAt: null, command: null };
}

function look(connections: readonly ConnectionReport[], more: Partial<StatusReport> = {}, jobs: readonly JobReport[] = []): Look {
  return { report: { ...new MemoryAgentControl({ pid: 7 }).status(), connections, ...more }, jobs };
}

function job(overrides: Partial<JobReport> = {}): JobReport {
  const verify = {
    content: "all",
    repair: "no",
    orphans: null,
    counts: NOTHING_VERIFIED,
    differences: 2,
    findings: [],
    logFile: "/l",
    orphansJob: null,
  } as const;
  const facts = { id: 3, connectionId: 1, repset: "home", target: "beta", startedBy: "person", startedAt: SINCE, finishedAt: null, message: null } as const;
  return { ...facts, kind: "verify", status: "Running", percent: 40, verify, ...overrides } as JobReport;
}

const streaming = (overrides: Partial<ConnectionReport> = {}): ConnectionReport => connectionReport({ state: "streaming", ...overrides });
const texts = (lines: readonly ScreenLine[]): string[] => lines.map((spans) => spans.map(({ text }) => text).join(""));
const told = (before: Look, after: Look): string[] => messagesBetween(before, after, NOW).map(({ tone, text }) => `${tone} ${text}`);

function press(state: WatchState, ...keys: readonly WatchKey[]): WatchState {
  return keys.reduce((now, key) => nextWatch(now, { kind: "key", key, scrollMax: scrollMax(now, SIZE) }), state);
}

test("what changed between two looks is told once, with what is bad marked", () => {
  const before = look([streaming()]);
  expect(told(before, before)).toEqual([]);
  const lost = streaming({ state: "backingOff", targetStatus: "Unreachable", reasons: [reason("CHANNEL_LOST", "the link broke")] });
  const name = "1 home → beta";
  expect(told(before, look([lost]))).toEqual([`bad ${name}: backingOff`, `bad ${name}: target Unreachable`, `bad ${name}: CHANNEL_LOST: the link broke`]);
  expect(told(look([lost]), before)).toEqual([`good ${name}: streaming`, `good ${name}: target OK`, `good ${name}: CHANNEL_LOST is over`]);
  expect(told(before, look([]))).toEqual([`plain ${name}: disconnected`]);
  expect(told(look([]), look([streaming({ id: 2 })]))).toEqual(["plain set home: Watching", "plain 2 home → beta: connected, streaming"].slice(1));
  const running = streaming({ mirror: idleMirror({ id: 4, outcome: "running", status: "Mirroring" }) });
  const done = streaming({ mirror: idleMirror({ id: 4, outcome: "done", problemCount: 2 }) });
  expect(told(before, look([running]))).toEqual([`plain ${name}: mirror 4 begins`]);
  expect(told(look([running]), look([done]))).toEqual([`bad ${name}: mirror 4 done with 2 problems`]);
  expect(told(look([], {}, [job()]), look([], {}, [job({ status: "Done" })]))).toEqual(["plain job 3 (verify of home): Done, 2 differences"]);
  const other = look([lost]);
  expect(told(before, { ...other, report: { ...other.report, agent: { ...other.report.agent, pid: 8 } } })).toEqual([
    "plain the agent was started anew (pid 8)",
  ]);
});

test("what a target of this agent does is told, too", () => {
  const target: TargetConnectionReport = {
    ...{ connectionId: 3, source: "alpha", repset: "home", mappings: [], online: true, appliedSeq: 1, durableSeq: 1, receivedBytes: 0, pause: "no" },
    ...{ consistency: { seq: 0, at: null, lagMs: 0, reason: null }, reasons: [] },
  };
  const [online, offline, paused] = [target, { ...target, online: false }, { ...target, pause: "paused" as const }].map((each) =>
    look([], { targets: [each] }),
  );
  expect([told(online!, offline!), told(offline!, online!), told(online!, paused!)].flat()).toEqual([
    ...["bad home from alpha: offline", "good home from alpha: online", "plain home from alpha: paused"],
  ]);
  const text = texts(watchLines(beginWatch(paused!, NOW), SIZE, NOW)).join("\n");
  expect(text).toContain("3 home from alpha  Paused, receives 0 B/s");
});

test("an agent that goes away is shown as that, and what it said last stays; when it is back that is told", () => {
  let state = beginWatch(look([streaming()]), NOW);
  state = nextWatch(state, { kind: "lost", why: "no agent answers", atMs: NOW + 1000 });
  state = nextWatch(state, { kind: "lost", why: "no agent answers", atMs: NOW + 2000 });
  expect(state.messages).toHaveLength(1);
  const shown = texts(watchLines(state, SIZE, NOW + 5000));
  expect(shown[0]).toContain("does not answer since 4 s: no agent answers");
  expect(shown.join("\n")).toContain("1 home → beta");
  expect(shown.at(-1)).toContain("waiting for the agent");
  state = nextWatch(state, { kind: "look", look: look([streaming()]), atMs: NOW + 6000 });
  expect([state.lost, state.messages.at(-1)?.text]).toEqual([null, "the agent answers again"]);
});

test("keys: choose, look into, scroll as far as there is something, and back", () => {
  let state = beginWatch(look([streaming(), streaming({ id: 2, repset: "etc" }), streaming({ id: 5, repset: "srv" })]), NOW);
  expect(press(state, "up").chosen).toBe(1);
  state = press(state, "down", "down", "down");
  expect(state.chosen).toBe(5);
  state = press(state, "enter");
  expect(texts(watchLines(state, SIZE, NOW))[1]).toBe("connection 5");
  expect(press(state, "down", "down", "down", "down", "down", "down", "down", "down").scroll).toBe(scrollMax(state, SIZE));
  expect(press(state, "down", "up", "up").scroll).toBe(0);
  expect(press(state, "back").page).toBe("overview");
  const gone = nextWatch(state, { kind: "look", look: look([streaming()]), atMs: NOW });
  expect([gone.chosen, gone.page]).toEqual([1, "overview"]);
  expect(beginWatch(look([streaming(), streaming({ id: 2 })]), NOW, 2)).toMatchObject({ chosen: 2, page: "connection" });
  const none = beginWatch(look([]), NOW);
  expect(press(none, "up", "down", "enter", "pause")).toEqual(none);
});

test("a pause is asked for first; anything but a yes is a no; a stop and a hold are other matters", () => {
  const state = press(beginWatch(look([streaming()]), NOW), "pause");
  expect(state.question).toEqual({ kind: "pause", id: 1 });
  expect(texts(watchLines(state, SIZE, NOW)).at(-1)).toMatch(/^y\/n {2}Pause the transmission of connection 1 \(home → beta\)\?/);
  for (const key of ["yes", "other", "back", "down"] as const) expect(press(state, key)).toMatchObject({ question: null, chosen: 1, page: "overview" });
  expect(press(beginWatch(look([streaming({ transmitMode: "Paused" })]), NOW), "pause").question).toEqual({ kind: "resume", id: 1 });
  expect(press(beginWatch(look([streaming({ transmitMode: "Stopped" })]), NOW), "pause").question).toBeNull();
  const guard = { ...connectionReport().guard, state: "held" as const };
  expect(press(beginWatch(look([streaming({ transmitMode: "Paused", guard })]), NOW), "pause").question).toBeNull();
});

test("rates come from successive reports, and fall when none comes", () => {
  let state = beginWatch(look([streaming({ sentBytes: 0 })]), NOW);
  state = nextWatch(state, { kind: "look", look: look([streaming({ sentBytes: 2 * 1024 * 1024 })]), atMs: NOW + 2000 });
  const rateShown = (nowMs: number): string | undefined => /(\S+ \S+)\/s$/.exec(texts(watchLines(state, SIZE, nowMs))[2] ?? "")?.[1];
  expect(rateShown(NOW + 2000)).toBe("1.0 MiB");
  expect(rateShown(NOW + 4000)).toBe("512 KiB");
  expect(rateShown(NOW + 60_000)).toBe("0 B");
  const restarted = look([streaming({ sentBytes: 50 })]);
  const other = { ...restarted, report: { ...restarted.report, agent: { ...restarted.report.agent, pid: 9 } } };
  expect(nextWatch(state, { kind: "look", look: other, atMs: NOW + 3000 }).rates.get("c1")).toHaveLength(1);
});

test("a window of a counter keeps its last seconds, and begins anew when the counter fell", () => {
  let window: RateWindow = [];
  for (let second = 0; second <= 20; second++) window = noteValue(window, second * 100, second * 1000);
  expect([rateOf(window), window.length]).toEqual([100, 6]);
  expect(Math.round(rateUntil(window, 22_500))).toBe(55);
  expect(rateOf(noteValue(window, 5, 21_000))).toBe(0);
});

/** Much of everything, with names that no screen has room for. */
function crowded(): WatchState {
  const long = "ordner-mit-einem-sehr-langen-namen-".repeat(6);
  const wide = "数据".repeat(30);
  const mirror = idleMirror({ id: 9, outcome: "running", status: "Mirroring", percent: 42.5, bytesPerSecond: 1e9, filesRemaining: 1e6, bytesRemaining: 1e12 });
  const connections = Array.from({ length: 30 }, (_, index) =>
    streaming({ id: index + 1, repset: index % 2 === 0 ? long : wide, lagMs: 9e8, queuedOps: 123_456_789, mirror, reasons: [reason("X", long), reason("Y")] }),
  );
  let state = beginWatch(look(connections, { goodbyes: [] }, [job(), job({ id: 4, status: "Failed", message: long })]), NOW);
  for (let count = 0; count < MESSAGES_MAX + 5; count++) state = nextWatch(state, { kind: "said", text: `${count} ${long}`, tone: "bad", atMs: NOW });
  return state;
}

test("whatever there is, it fits a screen of any size, 80×24 shows something of everything, and the chosen one is seen", () => {
  const state = press(crowded(), ...Array.from({ length: 20 }, () => "down" as const));
  expect(state.messages).toHaveLength(MESSAGES_MAX);
  for (const page of [state, press(state, "enter")]) {
    for (const columns of [20, 40, 60, 79, 80, 132, 300]) {
      for (const rows of [1, 2, 5, 10, 23, 24, 60]) {
        const lines = watchLines(page, { columns, rows }, NOW);
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const each of lines) expect(lineWidth(each), JSON.stringify(each)).toBeLessThanOrEqual(columns);
      }
    }
  }
  const shown = texts(watchLines(state, SIZE, NOW)).join("\n");
  for (const part of ["CONNECTION", "MIRRORS AND JOBS", "MESSAGES", "> 21 ", "q leave", "504 ordner"]) expect(shown).toContain(part);
});

test("names that would steer the terminal are written out", () => {
  const shown = watchLines(beginWatch(look([streaming({ repset: "a\x1b[2Jb\nc\x9b" })]), NOW), SIZE, NOW);
  expect(texts(shown).join("")).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  expect(texts(shown).join("")).toContain("a\\x1b[2Jb\\x0ac");
});

test("lines are cut with an ellipsis, spread over a width, and folded without loss", () => {
  const spans = line("abc", span("defgh", "bad"), "ij");
  expect(texts([cutLine(spans, 10), cutLine(spans, 9), cutLine(spans, 8), cutLine(spans, 3)])).toEqual(["abcdefghij", "abcdefgh…", "abcdefg…", "ab…"]);
  expect(texts([spread(line("a"), line("z"), 5), spread(line("abcd"), line("z"), 5)])).toEqual(["a   z", "abcd"]);
  expect(texts([cutLine(line("数据数据"), 5)])).toEqual(["数据…"]);
  expect([textWidth("数据"), textWidth("e\u0301"), textWidth("→–…")]).toEqual([4, 1, 3]);
  expect(foldText("  abcdefghij klmnop", 16)).toEqual(["  abcdefghij klm", "    nop"]);
});

test("sections give way from the longest on, and say how much is not shown", () => {
  const section = (name: string, count: number, more: Partial<Section> = {}): Section => ({
    ...{ title: line(name), items: Array.from({ length: count }, (_, index) => [line(`${name}${index}`)]), itemsMin: 1, ...more },
  });
  expect(texts(fitSections([section("a", 9, { keep: 6 }), section("b", 2)], 8))).toEqual(["a", "a4", "a5", "a6", "    and 6 more", "b", "b0", "b1"]);
  expect(texts(fitSections([section("m", 9, { endIsNews: true })], 3))).toEqual(["m", "m7", "m8"]);
  expect(fitSections([section("a", 9), section("b", 9)], 3)).toHaveLength(3);
});
