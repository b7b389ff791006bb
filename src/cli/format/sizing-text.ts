// The sizing report of a simulation as tables for people.

import type { HourFigures, RateFigures } from "../../model/change-profile.js";
import type { SimulationResult } from "../../model/simulation.js";
import type { BandwidthNeed, LevelFigures, LinkFigures, PackingEffect, SizingReport } from "../../model/sizing-report.js";
import { formatBytes, formatCount, formatDuration, formatTime } from "./quantities.js";
import { indent } from "./reason-text.js";
import { formatTable } from "./table.js";

const UNKNOWN = "–";

export function formatSizing({ files, report }: SimulationResult): string {
  const { totals, set, queue } = report;
  const missing = report.missingSeconds === 0 ? "" : `, and ${formatDuration(report.missingSeconds * 1000)} without figures`;
  return [
    `figures of ${formatDuration(report.observedSeconds * 1000)}${missing}: ${formatTime(report.from)} to ${formatTime(report.to)}`,
    `  the set         ${formatCount(set.files)} files, ${formatBytes(set.bytes)}`,
    `  changed         ${formatCount(totals.changes)} changes, ${formatBytes(totals.bytes)}`,
    `  passed          ${formatBytes(totals.sentBytes)} of changes (${formatBytes(totals.wireBytes)} on the wire), ${formatBytes(totals.mirrorBytes)} of mirrors (${formatBytes(totals.mirrorWireBytes)})`,
    `  at most         ${formatBytes(totals.queueBytesMax)} queued, ${formatDuration(totals.lagMsMax)} behind`,
    ...section("rates of change (a second)", formatRates(report)),
    ...section("by hour of the day (a second)", formatHours(report.hoursOfDay)),
    ...section("bandwidth that keeps the lag", formatBandwidth(report.bandwidth)),
    ...section("queue", `an outage of ${formatDuration(queue.outageSeconds * 1000)} took ${formatBytes(queue.bytes)} at worst (${formatTime(queue.from)})`),
    ...section("compression, on samples", formatLevels(report.levels)),
    ...section("links", formatLinks(report.links)),
    ...(report.notes.length === 0 ? [] : ["", ...report.notes.map((note) => `note: ${note}`)]),
    "",
    `from ${files.join(", ")}`,
  ].join("\n");
}

function section(title: string, text: string): string[] {
  return ["", title, ...indent(text.split("\n"), 2)];
}

/** "12.5 MB/s is what 100 Mbit/s carries": links are told in bits. */
function formatRate(bytesPerSecond: number): string {
  const bits = bytesPerSecond * 8;
  const power = bits < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bits) / 3));
  const value = bits / 1000 ** power;
  return `${value < 100 && power > 0 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)} ${["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"][power]}`;
}

function formatRates({ minutes, hours }: SizingReport): string {
  const rows: readonly (readonly [string, RateFigures])[] = [
    ["minutes", minutes],
    ["hours", hours],
  ];
  const figure = (header: string, of: (figures: RateFigures) => number) => ({
    header,
    align: "right" as const,
    cell: ([, figures]: (typeof rows)[number]) => formatBytes(of(figures)),
  });
  return formatTable(rows, [
    { header: "", cell: ([name]) => name },
    figure("MEAN", ({ mean }) => mean),
    figure("MEDIAN", ({ median }) => median),
    figure("95 %", ({ p95 }) => p95),
    figure("99 %", ({ p99 }) => p99),
    figure("PEAK", ({ peak }) => peak),
    { header: "AT", cell: ([, { peakAt }]) => (peakAt === null ? UNKNOWN : formatTime(peakAt)) },
  ]);
}

function formatHours(hours: readonly HourFigures[]): string {
  return formatTable(hours, [
    { header: "HOUR", align: "right", cell: ({ hour }) => `${hour}` },
    { header: "MEAN", align: "right", cell: ({ mean }) => formatBytes(mean) },
    { header: "PEAK MINUTE", align: "right", cell: ({ peakMinute }) => formatBytes(peakMinute) },
    { header: "LOOKED AT", align: "right", cell: ({ observedSeconds }) => formatDuration(observedSeconds * 1000) },
  ]);
}

/** One row for each of `keys`, one column for each level. */
function byLevel<Item extends { readonly level: string }>(items: readonly Item[], keyOf: (item: Item) => number): readonly (readonly Item[])[] {
  return [...new Set(items.map(keyOf))].map((key) => items.filter((item) => keyOf(item) === key));
}

function formatBandwidth(needs: readonly BandwidthNeed[]): string {
  const rows = byLevel(needs, ({ lagSeconds }) => lagSeconds);
  const levels = (rows[0] ?? []).map(({ level }) => level);
  return formatTable(rows, [
    { header: "LAG", align: "right", cell: ([need]) => formatDuration((need?.lagSeconds ?? 0) * 1000) },
    ...levels.map((level, index) => ({
      header: level === "off" ? "UNCOMPRESSED" : level.toUpperCase(),
      align: "right" as const,
      cell: (row: readonly BandwidthNeed[]) => known(row[index]?.bytesPerSecond ?? null, formatRate),
    })),
  ]);
}

function formatLevels(levels: readonly LevelFigures[]): string {
  const effect = (header: string, of: (figures: LevelFigures) => PackingEffect) => [
    { header: `${header} SHRINK TO`, align: "right" as const, cell: (figures: LevelFigures) => known(of(figures).share, formatShare) },
    {
      header: "CPU A MiB",
      align: "right" as const,
      cell: (figures: LevelFigures) => known(of(figures).cpuMsPerMiB, (ms) => `${ms.toFixed(1)} ms`),
    },
  ];
  return formatTable(levels, [
    { header: "LEVEL", cell: ({ level }) => level },
    ...effect("CHANGES", ({ changes }) => changes),
    ...effect("MIRROR", ({ mirror }) => mirror),
  ]);
}

function formatLinks(links: readonly LinkFigures[]): string {
  return formatTable(links, [
    { header: "LINK", align: "right", cell: ({ bytesPerSecond }) => formatRate(bytesPerSecond) },
    { header: "LEVEL", cell: ({ level }) => level },
    { header: "FIRST MIRROR", align: "right", cell: ({ mirrorSeconds }) => known(mirrorSeconds, (seconds) => formatDuration(seconds * 1000)) },
    { header: "LONGEST LAG", align: "right", cell: ({ lagSeconds }) => known(lagSeconds, (seconds) => formatDuration(seconds * 1000)) },
  ]);
}

function formatShare(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function known(value: number | null, format: (value: number) => string): string {
  return value === null ? UNKNOWN : format(value);
}
