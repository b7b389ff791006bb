// The judge of every replication test: compares two trees strictly, by code that shares nothing with the program.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "vitest";
import { PYTHON, pythonArguments } from "./python.js";

export interface ManifestEntry {
  /** Hex of the bytes, as all names and values here. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "fifo" | "character" | "block";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime_ns: string;
  readonly xattrs: Readonly<Record<string, string>>;
  readonly size?: number;
  readonly sha256?: string;
  readonly allocated?: number;
  readonly target?: string;
  readonly rdev?: string;
  /** All names of the file within the tree, when there are several. */
  readonly links?: readonly string[];
}

export interface CompareOptions {
  /** Leaves out paths (latin1 text, relative) for which this is true, with all below them. */
  readonly exclude?: (path: string) => boolean;
  /** Leaves out the metadata of the root directory itself. */
  readonly ignoreRoot?: boolean;
  /** Also asks that the copy takes no more space than the original, give or take this many bytes per file. */
  readonly allocatedSlackBytes?: number;
}

const run = promisify(execFile);

export async function readManifest(root: string): Promise<ManifestEntry[]> {
  const { stdout } = await run(PYTHON, pythonArguments("compare-trees.py", root), { maxBuffer: 1 << 30, encoding: "utf8" });
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ManifestEntry);
}

function show(hex: string): string {
  const bytes = Buffer.from(hex, "hex").toString("latin1");
  return JSON.stringify(bytes)
    .slice(1, -1)
    .replace(/[^\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function isExcluded(hex: string, options: CompareOptions): boolean {
  const exclude = options.exclude;
  if (exclude === undefined) return false;
  const parts = Buffer.from(hex, "hex").toString("latin1").split("/");
  return parts.some((_, index) => exclude(parts.slice(0, index + 1).join("/")));
}

const FIELDS: readonly { readonly name: keyof ManifestEntry; readonly show: (value: unknown) => string }[] = [
  { name: "type", show: String },
  { name: "mode", show: (value) => `0${Number(value).toString(8)}` },
  { name: "uid", show: String },
  { name: "gid", show: String },
  { name: "size", show: String },
  { name: "sha256", show: (value) => String(value).slice(0, 16) },
  { name: "mtime_ns", show: String },
  { name: "target", show: (value) => show(String(value)) },
  { name: "rdev", show: String },
];

function differXattrs(name: string, a: ManifestEntry, b: ManifestEntry): string[] {
  const keys = [...new Set([...Object.keys(a.xattrs), ...Object.keys(b.xattrs)])].sort();
  return keys
    .filter((key) => a.xattrs[key] !== b.xattrs[key])
    .map((key) => `${name}: xattr ${show(key)} ${a.xattrs[key] ?? "absent"} ≠ ${b.xattrs[key] ?? "absent"}`);
}

function differEntry(a: ManifestEntry, b: ManifestEntry, options: CompareOptions): string[] {
  const name = a.path === "" ? "(root)" : show(a.path);
  if (a.type !== b.type) return [`${name}: type ${a.type} ≠ ${b.type}`];
  const lines = FIELDS.filter((field) => a[field.name] !== b[field.name]).map(
    (field) => `${name}: ${field.name} ${field.show(a[field.name])} ≠ ${field.show(b[field.name])}`,
  );
  lines.push(...differXattrs(name, a, b));
  const links = (entry: ManifestEntry): string =>
    (entry.links ?? [])
      .filter((path) => !isExcluded(path, options))
      .map(show)
      .join(" = ");
  if (links(a) !== links(b)) lines.push(`${name}: hard links [${links(a)}] ≠ [${links(b)}]`);
  const slack = options.allocatedSlackBytes;
  if (slack !== undefined && (b.allocated ?? 0) > (a.allocated ?? 0) + slack) lines.push(`${name}: allocated ${a.allocated} ≠ ${b.allocated}`);
  return lines;
}

/** What is different, one line each: `path: field source ≠ target`. Pure. */
export function diffManifests(source: readonly ManifestEntry[], target: readonly ManifestEntry[], options: CompareOptions = {}): string[] {
  const wanted = (entry: ManifestEntry): boolean => !(options.ignoreRoot === true && entry.path === "") && !isExcluded(entry.path, options);
  const others = new Map(target.filter(wanted).map((entry) => [entry.path, entry]));
  const lines: string[] = [];
  for (const entry of source.filter(wanted)) {
    const other = others.get(entry.path);
    others.delete(entry.path);
    if (other === undefined) lines.push(`${show(entry.path)}: missing in the target (${entry.type})`);
    else lines.push(...differEntry(entry, other, options));
  }
  for (const entry of others.values()) lines.push(`${show(entry.path)}: only in the target (${entry.type})`);
  return lines;
}

/** Empty when the trees are equal in everything a copy must keep. */
export async function compareTrees(source: string, target: string, options: CompareOptions = {}): Promise<string[]> {
  const [a, b] = await Promise.all([readManifest(source), readManifest(target)]);
  return diffManifests(a, b, options);
}

export async function expectEqualTrees(source: string, target: string, options: CompareOptions = {}): Promise<void> {
  const lines = await compareTrees(source, target, options);
  expect(lines.slice(0, 50), `${lines.length} differences between ${source} and ${target}`).toEqual([]);
}
