// The statistics file of a simulation: comma-separated values, one line for each interval, under a line of names (docs/simulation.md).

import type { Packing } from "./compression.js";

export const PACKINGS: readonly Packing[] = ["lz4", "brotli"];

/** What some of the sets that passed would have been at each level. */
export interface PackingSums {
  /** Before compression. */
  readonly bytes: number;
  readonly levels: Readonly<Record<Packing, { readonly bytes: number; readonly cpuUs: number }>>;
}

export interface SimulationRow {
  /** When the interval ended, ms since 1970. */
  readonly endMs: number;
  readonly seconds: number;
  /** Captured in the interval, as they are queued. */
  readonly changes: number;
  readonly bytes: number;
  /** Of them and of those before, what was sent in the interval: before compression, and after it. */
  readonly sentBytes: number;
  readonly wireBytes: number;
  /** The same of mirrors and repairs. */
  readonly mirrorBytes: number;
  readonly mirrorWireBytes: number;
  /** The most in the interval. */
  readonly queueBytes: number;
  readonly lagMs: number;
  /** Of the replication set at the end. */
  readonly setFiles: number;
  readonly setBytes: number;
  readonly live: PackingSums;
  readonly mirror: PackingSums;
}

type Figures = { -readonly [K in keyof Omit<SimulationRow, "live" | "mirror">]: SimulationRow[K] };

const PLAIN: readonly (readonly [name: string, key: keyof Figures])[] = [
  ["seconds", "seconds"],
  ["changes", "changes"],
  ["bytes", "bytes"],
  ["sent_bytes", "sentBytes"],
  ["wire_bytes", "wireBytes"],
  ["mirror_bytes", "mirrorBytes"],
  ["mirror_wire_bytes", "mirrorWireBytes"],
  ["queue_bytes", "queueBytes"],
  ["lag_ms", "lagMs"],
  ["set_files", "setFiles"],
  ["set_bytes", "setBytes"],
];
const KINDS = ["live", "mirror"] as const;
const NAMES: readonly string[] = [
  "time",
  ...PLAIN.map(([name]) => name),
  ...KINDS.flatMap((kind) => [`${kind}_sampled`, ...PACKINGS.flatMap((level) => [`${kind}_${level}`, `${kind}_${level}_cpu_us`])]),
];

export const HEADER_LINE = NAMES.join(",");
/** Nothing that is written is longer. */
export const LINE_BYTES_MAX = 1000;

export const NO_SUMS: PackingSums = { bytes: 0, levels: { lz4: { bytes: 0, cpuUs: 0 }, brotli: { bytes: 0, cpuUs: 0 } } };

export function addSums(a: PackingSums, b: PackingSums): PackingSums {
  const add = (level: Packing) => ({ bytes: a.levels[level].bytes + b.levels[level].bytes, cpuUs: a.levels[level].cpuUs + b.levels[level].cpuUs });
  return { bytes: a.bytes + b.bytes, levels: { lz4: add("lz4"), brotli: add("brotli") } };
}

export function formatRow(row: SimulationRow): string {
  const sums = KINDS.flatMap((kind) => [row[kind].bytes, ...PACKINGS.flatMap((level) => [row[kind].levels[level].bytes, row[kind].levels[level].cpuUs])]);
  const figures = [...PLAIN.map(([, key]) => row[key]), ...sums].map((figure) => Number(figure.toFixed(3)));
  return [new Date(row.endMs).toISOString(), ...figures].join(",");
}

/** Null when the line is no row: torn by a crash, or the header. */
export function parseRow(line: string): SimulationRow | null {
  const [time = "", ...texts] = line.split(",");
  const endMs = Date.parse(time);
  const figures = texts.map((text) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN));
  if (Number.isNaN(endMs) || texts.length !== NAMES.length - 1 || figures.some((figure) => !Number.isFinite(figure)) || figures[0] === 0) return null;
  const row = { endMs } as Figures;
  for (const [index, [, key]] of PLAIN.entries()) row[key] = figures[index] as number;
  const sumsLength = 1 + 2 * PACKINGS.length;
  const sumsAt = (kind: number): PackingSums => sumsOf(figures.slice(PLAIN.length + kind * sumsLength, PLAIN.length + (kind + 1) * sumsLength));
  return { ...row, live: sumsAt(0), mirror: sumsAt(1) };
}

function sumsOf([bytes = 0, lz4 = 0, lz4Us = 0, brotli = 0, brotliUs = 0]: readonly number[]): PackingSums {
  return { bytes, levels: { lz4: { bytes: lz4, cpuUs: lz4Us }, brotli: { bytes: brotli, cpuUs: brotliUs } } };
}

/** The text begins as a statistics file does. */
export function isStatistics(text: string): boolean {
  return text.startsWith(`${HEADER_LINE}\n`);
}

/** `age` 0 = the file that is written, 1 = the one before it, … */
export function statisticsFile(path: string, age: number): string {
  return age === 0 ? path : `${path}.${age}`;
}

export const STATISTICS_FILES_MAX = 1000;

/** Of one simulation. */
export function statisticsName(repset: string, connectionId: number): string {
  return `${repset} simulation ${connectionId}.csv`;
}
