import type { EntryFacts, KnownEntry, PathExplanation, PathTarget, PathWait, SetExplanation } from "../../model/explanation.js";
import { SIMULATION_WORDS } from "../../model/simulation.js";
import { oneLine } from "./printable.js";
import { formatBytes } from "./quantities.js";
import { formatRule } from "./repset-text.js";

const TYPES = { file: "file", dir: "directory", symlink: "symbolic link", special: "special file" } as const;

const WAITS: Readonly<Record<PathWait, string>> = {
  event: "something happened to it and is about to be looked at",
  listing: "a directory in which it lies is about to be listed",
  missing: "it is gone; its removal waits for a rename that explains it",
  written: "it was written to, and its written ranges are about to be read",
  doubt: "its content is in doubt: the targets will be asked for their blocks",
};

export function formatExplanation({ path, onDisk, sets }: PathExplanation): string {
  const lines = [oneLine(path), `  on disk: ${onDisk === null ? "nothing, or it cannot be looked at" : formatFacts(onDisk)}`];
  if (sets.length === 0) lines.push("  outside of every replication set");
  return [...lines, ...sets.flatMap(formatSet)].join("\n");
}

function formatFacts({ type, size, mtime, device, inode, birthTime }: EntryFacts): string {
  const bytes = type === "file" ? `, ${formatBytes(size)}` : "";
  const born = birthTime === null ? "" : `, made ${birthTime}`;
  return `${TYPES[type]}${bytes}, mtime ${mtime}\n    device ${device}, inode ${inode}${born}`;
}

function formatSet(set: SetExplanation): string[] {
  const { repset, root, knowledge, targets } = set;
  const lines = [`set ${repset}: ${formatDecision(set)}`];
  if (root !== null) lines.push(`  in its directory ${oneLine(root)}`);
  if (targets.length === 0) return [...lines, "  not connected"];
  lines.push(`  known: ${knowledge === null ? "nothing yet: the set is not watched now (`sm status`)" : formatKnown(knowledge.known)}`);
  for (const wait of knowledge?.waits ?? []) lines.push(`  waits: ${WAITS[wait]}`);
  return [...lines, ...targets.flatMap(formatTarget)];
}

function formatDecision({ decision, rule, ruleNumber }: SetExplanation): string {
  const by = rule === null ? "no rule is about it" : `rule ${ruleNumber}, ${formatRule(rule)}`;
  switch (decision) {
    case "included":
      return `included by ${by}`;
    case "excluded":
      return rule === null ? `not included: ${by}` : `excluded by ${by}`;
    case "way":
      return `a directory on the way to what is included; ${by}`;
  }
}

function formatKnown(known: KnownEntry | null): string {
  if (known === null) return "nothing is replicated from here";
  const names = known.names === 1 ? "" : `, ${known.names} names`;
  const young = known.isYoung ? ", looked at again" : "";
  return `${formatFacts(known)}\n    version ${known.version}${names}${young}`;
}

function formatTarget({ connection, target, path, state, isChecked, appliedSeq, lastSeq }: PathTarget): string[] {
  const checked = isChecked ? ["    its content is being compared"] : [];
  return [
    `  connection ${connection} to ${target}: ${path === "" ? SIMULATION_WORDS : oneLine(path)}`,
    `    ${state}, ${appliedSeq} of ${lastSeq} change sets applied`,
    ...checked,
  ];
}
