// What the figures of a simulation say about the link, the queue and the compression that a true connection needs. Pure.

import { type HourFigures, hoursOfDay, type RateFigures, rateFigures } from "./change-profile.js";
import { COMPRESSIONS, type Compression } from "./compression.js";
import { type Load, longestWait, requiredRate, worstWindow } from "./fluid-queue.js";
import type { SimulationFigures, SimulationTotals } from "./simulation-figures.js";
import type { PackingSums } from "./simulation-row.js";

export interface SizingQuestion {
  /** How long a change may wait before it is sent. */
  readonly lagSeconds: readonly number[];
  /** For so long nothing can be sent. */
  readonly outageSeconds: number;
  /** Of links, bytes per second. */
  readonly rates: readonly number[];
}

export const STANDARD_QUESTION: SizingQuestion = {
  lagSeconds: [10, 60, 900, 3600],
  outageSeconds: 3600,
  rates: [1_250_000, 12_500_000, 125_000_000],
};

/** Of sets that were compressed to find out. */
export interface PackingEffect {
  readonly sampledBytes: number;
  /** What remains of a byte; null = nothing was sampled. */
  readonly share: number | null;
  /** Milliseconds of processor time for each MiB. */
  readonly cpuMsPerMiB: number | null;
}

export interface LevelFigures {
  readonly level: Compression;
  readonly changes: PackingEffect;
  readonly mirror: PackingEffect;
}

export interface BandwidthNeed {
  readonly lagSeconds: number;
  readonly level: Compression;
  /** Bytes per second; null = nothing was sampled at this level. */
  readonly bytesPerSecond: number | null;
}

export interface LinkFigures {
  readonly bytesPerSecond: number;
  readonly level: Compression;
  /** Of the first mirror, while changes are sent as well; null = they leave nothing for it, or it is not known. */
  readonly mirrorSeconds: number | null;
  /** The longest that a change would have waited; null = not known. */
  readonly lagSeconds: number | null;
}

export interface SizingReport {
  /** ISO 8601. */
  readonly from: string;
  readonly to: string;
  readonly observedSeconds: number;
  /** Within that time, but without figures: the agent was not running. */
  readonly missingSeconds: number;
  readonly totals: SimulationTotals;
  /** As it was last. */
  readonly set: { readonly files: number; readonly bytes: number };
  readonly minutes: RateFigures;
  readonly hours: RateFigures;
  readonly hoursOfDay: readonly HourFigures[];
  readonly levels: readonly LevelFigures[];
  readonly bandwidth: readonly BandwidthNeed[];
  readonly queue: { readonly outageSeconds: number; readonly bytes: number; readonly from: string };
  readonly links: readonly LinkFigures[];
  /** What to bear in mind, for people. */
  readonly notes: readonly string[];
}

const DAY_SECONDS = 86_400;
const GAP_SECONDS_MIN = 1;
const MIB = 1024 * 1024;

/** `figures` of at least one row; `hourOf`: the hour of the day of a moment. */
export function sizingReport(figures: SimulationFigures, question: SizingQuestion, hourOf: (ms: number) => number): SizingReport {
  const { loads, totals, set } = figures;
  const [first, last] = [loads[0], loads.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError("a report needs at least one row");
  const endMs = last.startMs + last.seconds * 1000;
  const observedSeconds = sum(loads, ({ seconds }) => seconds);
  const missing = (endMs - first.startMs) / 1000 - observedSeconds;
  const levels = levelsOf(figures);
  const worst = worstWindow(loads, question.outageSeconds);
  const report = {
    from: new Date(first.startMs).toISOString(),
    to: new Date(endMs).toISOString(),
    observedSeconds: Math.round(observedSeconds),
    missingSeconds: missing < GAP_SECONDS_MIN ? 0 : Math.round(missing),
    totals,
    set,
    minutes: rateFigures(loads, 60),
    hours: rateFigures(loads, 3600),
    hoursOfDay: hoursOfDay(loads, hourOf),
    levels,
    bandwidth: bandwidthOf(loads, levels, question.lagSeconds),
    queue: { outageSeconds: question.outageSeconds, bytes: worst.bytes, from: new Date(worst.fromMs).toISOString() },
    links: linksOf({ loads, levels, rates: question.rates, setBytes: set.bytes }),
  };
  return { ...report, notes: notesOf(report) };
}

function levelsOf({ live, mirror }: SimulationFigures): readonly LevelFigures[] {
  return COMPRESSIONS.map((level) => ({ level, changes: effectOf(live, level), mirror: effectOf(mirror, level) }));
}

function effectOf(sums: PackingSums, level: Compression): PackingEffect {
  if (level === "off") return { sampledBytes: sums.bytes, share: 1, cpuMsPerMiB: 0 };
  if (sums.bytes === 0) return { sampledBytes: 0, share: null, cpuMsPerMiB: null };
  const { bytes, cpuUs } = sums.levels[level];
  return { sampledBytes: sums.bytes, share: round(bytes / sums.bytes, 4), cpuMsPerMiB: round(cpuUs / 1000 / (sums.bytes / MIB), 3) };
}

/** The rate for a byte that becomes a share of one is that share of the rate. */
function bandwidthOf(loads: readonly Load[], levels: readonly LevelFigures[], lags: readonly number[]): readonly BandwidthNeed[] {
  return lags.flatMap((lagSeconds) => {
    const plain = requiredRate(loads, lagSeconds);
    return levels.map(({ level, changes }) => ({ lagSeconds, level, bytesPerSecond: changes.share === null ? null : Math.ceil(plain * changes.share) }));
  });
}

interface LinksInput {
  readonly loads: readonly Load[];
  readonly levels: readonly LevelFigures[];
  readonly rates: readonly number[];
  readonly setBytes: number;
}

function linksOf({ loads, levels, rates, setBytes }: LinksInput): readonly LinkFigures[] {
  const seconds = sum(loads, (load) => load.seconds);
  const mean = seconds === 0 ? 0 : sum(loads, (load) => load.bytes) / seconds;
  return rates.flatMap((bytesPerSecond) =>
    levels.map(({ level, changes, mirror }) => {
      // Nothing changed, nothing sampled: nothing is taken from the mirror.
      const taken = mean === 0 ? 0 : changes.share === null ? null : mean * changes.share;
      const left = taken === null ? 0 : bytesPerSecond - taken;
      const mirrorSeconds = mirror.share === null || left <= 0 ? null : Math.ceil((setBytes * mirror.share) / left);
      const lagSeconds = mean === 0 ? 0 : changes.share === null ? null : round(longestWait(loads, bytesPerSecond / changes.share), 1);
      return { bytesPerSecond, level, mirrorSeconds, lagSeconds };
    }),
  );
}

function notesOf({ observedSeconds, missingSeconds, levels, queue, set }: Omit<SizingReport, "notes">): readonly string[] {
  const notes: string[] = [];
  if (observedSeconds < DAY_SECONDS) notes.push("less than a day was looked at: hours that were not may be busier");
  else if (observedSeconds < 7 * DAY_SECONDS) notes.push("less than a week was looked at: days that were not may be busier");
  if (missingSeconds > 0) notes.push(`of ${missingSeconds} seconds in between there are no figures: the agent was not running, and they count as quiet`);
  if (observedSeconds < queue.outageSeconds) notes.push("less was looked at than the outage lasts: the queue is that of the time looked at");
  if (set.files === 0) notes.push("the size of the set is not known yet: times of the mirror come when the set was scanned");
  if (levels.some(({ changes }) => changes.sampledBytes < MIB))
    notes.push("less than 1 MiB of changes was sampled: what compression does to them is hardly known");
  return notes;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
