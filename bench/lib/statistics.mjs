import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem } from "node:os";

export function quantile(/** @type {readonly number[]} */ values, /** @type {number} */ share) {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export function median(/** @type {readonly number[]} */ values) {
  if (values.length % 2 === 1) return quantile(values, 0.5);
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[sorted.length / 2 - 1] ?? Number.NaN) + (sorted[sorted.length / 2] ?? Number.NaN)) / 2;
}

export function formatSeconds(/** @type {readonly number[]} */ values) {
  if (values.length === 0) return "–";
  return `${median(values).toFixed(2)} s (${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)})`;
}

/** How many times as long ours takes as theirs: below 1 ours is faster. */
export function formatRatio(/** @type {readonly number[]} */ ours, /** @type {readonly number[]} */ theirs) {
  return (median(ours) / median(theirs)).toFixed(2);
}

export function formatBytes(/** @type {number} */ bytes) {
  if (bytes < 10_000) return `${bytes} B`;
  if (bytes < 10_000_000) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** One line that says what the figures were measured on. */
export function describeMachine() {
  const model = /^model name\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? arch();
  return `${cpus().length} × ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB memory, Linux ${release()}, Node.js ${process.versions.node}`;
}
