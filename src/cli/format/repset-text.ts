import type { RepsetSaved, RepsetSize } from "../../model/control-port.js";
import type { RepsetData, Rule } from "../../model/rule.js";
import { oneLine } from "./printable.js";
import { formatBytes, formatCount } from "./quantities.js";
import { type Column, formatTable, LINE_WIDTH } from "./table.js";

export function formatRepsetList(repsets: readonly RepsetData[], lineWidth = LINE_WIDTH): string {
  if (repsets.length === 0) return "no replication sets; make one with `sm repset create SET --include PATH`";
  const columns: readonly Column<RepsetData>[] = [
    { header: "SET", cell: ({ name }) => name },
    { header: "GENERATION", align: "right", cell: ({ generation }) => String(generation) },
    { header: "RULES", align: "right", cell: ({ rules }) => String(rules.length) },
    { header: "INCLUDES", yields: 1, cell: ({ rules }) => rules.flatMap((rule) => (rule.mode === "include" ? [rule.path] : [])).join(" ") },
  ];
  return formatTable(repsets, columns, lineWidth);
}

export function formatRule(rule: Rule): string {
  return `${rule.mode} ${oneLine(rule.path)}${rule.recursive ? "" : " (not recursive)"}`;
}

export function formatRepset(repset: RepsetData): string {
  return [`${repset.name}, generation ${repset.generation}`, ...repset.rules.map((rule) => `  ${formatRule(rule)}`)].join("\n");
}

export function formatRepsetSaved({ repset, dropped }: RepsetSaved): string {
  return [formatRepset(repset), ...dropped.map(({ rule, reason }) => `  dropped: ${formatRule(rule)}: ${reason}`)].join("\n");
}

export function formatRepsetSize(name: string, size: RepsetSize): string {
  const problems = size.problems === 0 ? "" : `, ${formatCount(size.problems)} that could not be read`;
  return `${name}: ${formatCount(size.files)} files, ${formatCount(size.directories)} directories, ${formatBytes(size.bytes)}${problems}`;
}
