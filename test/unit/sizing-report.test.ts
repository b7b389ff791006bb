import { describe, expect, test } from "vitest";
import { quantile } from "../../src/model/change-profile.js";
import { requiredRate, worstWindow } from "../../src/model/fluid-queue.js";
import { SimulationFigures } from "../../src/model/simulation-figures.js";
import { formatRow, HEADER_LINE, isStatistics, LINE_BYTES_MAX, parseRow, type SimulationRow } from "../../src/model/simulation-row.js";
import { type SizingReport, STANDARD_QUESTION, sizingReport } from "../../src/model/sizing-report.js";
import { simulationRow } from "../support/memory-agent-control.js";

const MIDNIGHT = Date.parse("2026-11-02T00:00:00Z");
const MIB = 1_048_576;

/** Rows of so many seconds each, with so many bytes. */
function figuresOf(
  bytes: readonly number[],
  { seconds = 10, fromMs = MIDNIGHT, part = {} as Partial<SimulationRow>, loadsMax = 1000 } = {},
): SimulationFigures {
  const figures = new SimulationFigures(loadsMax);
  for (const [index, each] of bytes.entries()) figures.add(simulationRow({ endMs: fromMs + (index + 1) * seconds * 1000, seconds, bytes: each, ...part }));
  return figures;
}

function reportOf(figures: SimulationFigures, question: Partial<typeof STANDARD_QUESTION> = {}): SizingReport {
  return sizingReport(figures, { ...STANDARD_QUESTION, ...question }, (ms) => new Date(ms).getUTCHours());
}

describe("the lines of a statistics file", () => {
  test("come back as they were written, and are short", () => {
    const row = simulationRow({ seconds: 9.987, lagMs: 1234, mirrorBytes: 1e15, setBytes: 1e16 });
    expect(parseRow(formatRow(row))).toEqual(row);
    expect(formatRow(row).length).toBeLessThan(LINE_BYTES_MAX);
    expect(formatRow(row).split(",").length).toBe(HEADER_LINE.split(",").length);
  });

  test("what a crash tore, and the names of the columns, are no rows", () => {
    const line = formatRow(simulationRow());
    expect(parseRow(HEADER_LINE)).toBe(null);
    expect(parseRow("")).toBe(null);
    expect(parseRow(line.slice(0, line.lastIndexOf(",")))).toBe(null);
    expect(parseRow(line.replace(",10,", ",0,"))).toBe(null);
    expect(parseRow(line.replace(",10,", ",-1,"))).toBe(null);
    expect(parseRow(line.replace(",10,", ",\0\0,"))).toBe(null);
    expect([isStatistics(`${HEADER_LINE}\n${line}\n`), isStatistics(`${line}\n`), isStatistics("")]).toEqual([true, false, false]);
  });
});

describe("the rate that a lag needs", () => {
  const loads = [100, 0, 0, 0, 0, 0].map((bytes, index) => ({ startMs: index * 10_000, seconds: 10, bytes }));

  test("no lag: the fastest interval; a lag: time to catch up", () => {
    expect(requiredRate(loads, 0)).toBe(10);
    expect(requiredRate(loads, 10)).toBe(5);
    expect(requiredRate(loads, 90)).toBe(1);
  });

  test("nothing changed: nothing is needed", () => {
    expect(requiredRate([], 0)).toBe(0);
    expect(requiredRate([{ startMs: 0, seconds: 10, bytes: 0 }], 0)).toBe(0);
  });

  test("an outage of the length of two intervals takes the two that are worst together", () => {
    const [a, b, c, d] = [10, 60, 50, 0].map((bytes, index) => ({ startMs: index * 10_000, seconds: 10, bytes }));
    const all = [a, b, c, d].filter((load) => load !== undefined);
    expect(worstWindow(all, 20)).toEqual({ bytes: 110, fromMs: 10_000 });
    expect(worstWindow(all, 15)).toEqual({ bytes: 85, fromMs: 10_000 });
    expect(worstWindow(all, 3600).bytes).toBe(120);
  });
});

describe("the report", () => {
  test("rates by minute and hour, and what each hour of the day is like", () => {
    // An hour at 1 MiB a second, another one at rest but for one minute of 2.
    const busy = Array.from({ length: 360 }, () => 10 * MIB);
    const quiet = Array.from({ length: 360 }, (_, index) => (index >= 60 && index < 66 ? 20 * MIB : 0));
    const report = reportOf(figuresOf([...busy, ...quiet]));
    expect(report).toMatchObject({ from: "2026-11-02T00:00:00.000Z", to: "2026-11-02T02:00:00.000Z", observedSeconds: 7200, missingSeconds: 0 });
    expect(report.minutes).toMatchObject({ count: 120, median: MIB, p95: MIB, p99: MIB, peak: 2 * MIB, peakAt: "2026-11-02T01:10:00.000Z" });
    expect(report.hours).toMatchObject({ count: 2, peak: MIB, peakAt: "2026-11-02T00:00:00.000Z" });
    expect(report.hoursOfDay).toEqual([
      { hour: 0, observedSeconds: 3600, mean: MIB, peakMinute: MIB },
      { hour: 1, observedSeconds: 3600, mean: Math.round((120 * MIB) / 3600), peakMinute: 2 * MIB },
    ]);
    expect(report.queue).toEqual({ outageSeconds: 3600, bytes: 3600 * MIB, from: "2026-11-02T00:00:00.000Z" });
  });

  test("the bandwidth follows what compression leaves; so do the times of links", () => {
    const report = reportOf(figuresOf([10 * MIB, 10 * MIB]), { lagSeconds: [0], rates: [2 * MIB, MIB / 2] });
    expect(report.levels.map(({ level, changes }) => [level, changes.share])).toEqual([
      ["off", 1],
      ["lz4", 0.5],
      ["brotli", 0.2],
    ]);
    expect(report.bandwidth.map(({ bytesPerSecond }) => bytesPerSecond)).toEqual([MIB, MIB / 2, Math.ceil(MIB / 5)]);
    // 100 MiB, 1 MiB a second of changes beside them.
    expect(report.links.map(({ mirrorSeconds }) => mirrorSeconds)).toEqual([100, Math.ceil(50 / 1.5), Math.ceil(20 / 1.8), null, null, Math.ceil(20 / 0.3)]);
    expect(report.links.map(({ lagSeconds }) => lagSeconds)).toEqual([0, 0, 0, 20, 0, 0]);
  });

  test("what was not sampled is not known, and what was not looked at is said", () => {
    const none = { bytes: 0, levels: { lz4: { bytes: 0, cpuUs: 0 }, brotli: { bytes: 0, cpuUs: 0 } } };
    const report = reportOf(figuresOf([MIB], { part: { live: none, setFiles: 0, setBytes: 0 } }));
    expect(report.levels[1]?.changes).toEqual({ sampledBytes: 0, share: null, cpuMsPerMiB: null });
    expect(report.bandwidth.filter(({ level }) => level === "lz4").every(({ bytesPerSecond }) => bytesPerSecond === null)).toBe(true);
    expect(report.notes).toHaveLength(4);
  });

  test("nothing changed at all: a mirror has the link for itself, and no lag is there", () => {
    const report = reportOf(figuresOf([0, 0, 0]), { rates: [MIB] });
    expect(report.minutes).toMatchObject({ mean: 0, peak: 0, peakAt: null });
    expect(report.links[0]).toMatchObject({ mirrorSeconds: 100, lagSeconds: 0 });
    expect(report.queue.bytes).toBe(0);
  });

  test("a stretch without figures is told, and counts as quiet", () => {
    const figures = figuresOf([MIB, MIB]);
    figures.add(simulationRow({ endMs: MIDNIGHT + 3_600_000, seconds: 10, bytes: MIB }));
    expect(reportOf(figures)).toMatchObject({ observedSeconds: 30, missingSeconds: 3570 });
    expect(reportOf(figures).hours.mean).toBe(Math.round(MIB / 10));
  });

  test("a clock that was set back turns no time round", () => {
    const figures = figuresOf([MIB, MIB, MIB]);
    figures.add(simulationRow({ endMs: MIDNIGHT, seconds: 10, bytes: MIB }));
    expect(figures.loads.map(({ startMs }) => startMs - MIDNIGHT)).toEqual([0, 10_000, 20_000, 30_000]);
  });
});

test("beyond the limit intervals become coarser: totals and times stay", () => {
  const bytes = Array.from({ length: 5000 }, (_, index) => index);
  const figures = figuresOf(bytes, { loadsMax: 100 });
  expect(figures.loads.length).toBeLessThanOrEqual(101);
  const sum = (of: "bytes" | "seconds"): number => figures.loads.reduce((total, load) => total + load[of], 0);
  expect([sum("bytes"), sum("seconds"), figures.totals.bytes]).toEqual([(5000 * 4999) / 2, 50_000, (5000 * 4999) / 2]);
  expect(reportOf(figures)).toMatchObject({ observedSeconds: 50_000, missingSeconds: 0 });
});

test("a quantile is the smallest value that so large a share does not exceed", () => {
  const sorted = Array.from({ length: 100 }, (_, index) => index + 1);
  expect([0.5, 0.95, 0.99, 1].map((share) => quantile(sorted, share))).toEqual([50, 95, 99, 100]);
  expect([quantile([], 0.5), quantile([7], 0.01)]).toEqual([0, 7]);
});
