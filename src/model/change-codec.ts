// One change as a msgpack value: [opcode, root, path, …fields]. Positional, because sets are many and small.

import { SmError } from "../base/errors.js";
import { type BytePath, isBytePath, NAME_BYTES_MAX } from "./byte-path.js";
import {
  BLOCK_BYTES,
  type Change,
  type CompareChange,
  type EntrySummary,
  type EntryType,
  type Extent,
  type FileBase,
  FROM_PAYLOAD,
  type IndexChange,
  type Meta,
  type OrphanPlaceName,
  type OrphansChange,
  type RebuildChange,
  type TaskChange,
  type Xattrs,
  ZEROS,
} from "./change.js";
import { type Program, programSchema, TASK_TIMEOUT_MS_MAX, taskNameSchema } from "./task.js";

const OPCODES = ["dir", "file", "symlink", "special", "link", "attr", "rename", "remove", "compare", "sums", "orphans", "index", "rebuild", "task"] as const;
const TYPES: readonly EntryType[] = ["dir", "file", "symlink", "special"];
const KINDS = ["fifo", "char", "block"] as const;
const EXTRAS = ["report", "remove", "keep"] as const;
const DEEDS = ["look", "count", "delete", "move", "end"] as const;
const XATTR_COUNT_MAX = 1024;
const XATTR_BYTES_MAX = 64 * 1024;
const ROOTS_MAX = 4096;
const REBUILD_PARTS_MAX = 10_000;
const INDEX_BLOCK_BYTES_MIN = 512;
const BLOCKS_MAX = 2 ** 32;

export function payloadOf(change: Change): Buffer | null {
  return change.op === "file" || change.op === "rebuild" ? change.payload : null;
}

export function encodeChange(change: Change): unknown[] {
  const head = [OPCODES.indexOf(change.op), change.root, change.path];
  switch (change.op) {
    case "dir":
      return [...head, encodeMeta(change.meta)];
    case "file":
      return [
        ...head,
        change.start === "replace" ? 0 : 1,
        encodeBase(change.base),
        change.extents,
        change.holes,
        change.size,
        change.meta && encodeMeta(change.meta),
        change.continues ? 1 : 0,
      ];
    case "symlink":
      return [...head, change.target, encodeMeta(change.meta)];
    case "special":
      return [...head, KINDS.indexOf(change.kind), change.major, change.minor, encodeMeta(change.meta)];
    case "link":
      return [...head, change.to];
    case "attr":
      return [...head, TYPES.indexOf(change.type), encodeMeta(change.meta), encodeBase(change.base)];
    case "rename":
      return [...head, change.to, TYPES.indexOf(change.type)];
    case "sums":
      return change.range === undefined ? head : [...head, change.range.first, change.range.count];
    case "remove":
      return head;
    case "compare":
      return [...head, ...encodeCompare(change)];
    case "orphans":
      return [...head, ...encodeOrphans(change)];
    case "index":
      return [...head, change.blockBytes, change.ranges];
    case "rebuild":
      return [...head, ...encodeRebuild(change)];
    case "task":
      return [...head, ...encodeTask(change)];
  }
}

function encodeTask({ deed, number, name, onReceive, onExecute, timeoutMs }: TaskChange): unknown[] {
  const programs = [onReceive, onExecute].map((program) => program && [program.path, program.args]);
  return [deed === "run" ? 0 : 1, number, name, ...programs, timeoutMs];
}

function encodeRebuild({ base, continues, parts, size, seed, end }: RebuildChange): unknown[] {
  return [encodeBase(base), continues ? 1 : 0, parts, size, encodeHash(seed), end && [encodeMeta(end.meta), encodeHash(end.hash)]];
}

function encodeCompare({ entries, from, until, extras, meta, asksShared, asksFound, settlesExtras }: CompareChange): unknown[] {
  const fields = [entries.map(encodeEntry), from, until, EXTRAS.indexOf(extras), meta && encodeMeta(meta)];
  if (asksFound === true) return [...fields, asksShared ? 1 : 0, 1, ...(settlesExtras === true ? [1] : [])];
  return asksShared ? [...fields, 1] : fields;
}

function encodeOrphans({ deed, way, names, from, until, beforeMs, includesExcluded, place, sums }: OrphansChange): unknown[] {
  const terms = [beforeMs, includesExcluded ? 1 : 0, place && [place.directory, place.repset, place.time]];
  return [DEEDS.indexOf(deed), way === "others" ? 0 : 1, names, from, until, ...terms, [sums.files, sums.directories, sums.bytes]];
}

function encodeMeta(meta: Meta): unknown[] {
  const flat = [meta.mode, meta.uid, meta.gid, meta.mtimeSec, meta.mtimeNsec];
  return meta.xattrs.length === 0 ? flat : [...flat, meta.xattrs];
}

function encodeBase(base: FileBase | null): unknown {
  return base && [base.size, base.mtimeSec, base.mtimeNsec];
}

function encodeEntry(e: EntrySummary): unknown[] {
  const type = TYPES.indexOf(e.type);
  const fields = [e.name, type, e.mode, e.uid, e.gid, e.size, e.mtimeSec, e.mtimeNsec, e.xattrDigest, e.detail, e.linkTo, e.suspect ? 1 : 0];
  return e.hash === undefined ? fields : [...fields, encodeHash(e.hash)];
}

function encodeHash(hash: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(hash);
  return bytes;
}

function decodeHash(value: unknown): bigint {
  return Buffer.isBuffer(value) && value.length === 8 ? value.readBigUInt64LE() : bad("hash");
}

function bad(what: string): never {
  throw new SmError("PROTOCOL", `a change is malformed: ${what}`);
}

function asArray(value: unknown, what: string): readonly unknown[] {
  return Array.isArray(value) ? value : bad(what);
}

function asUint(value: unknown, what: string, max = Number.MAX_SAFE_INTEGER): number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max ? value : bad(what);
}

function asPath(value: unknown, what = "path"): BytePath {
  return typeof value === "string" && isBytePath(value) ? value : bad(what);
}

function asText(value: unknown, what: string, max: number): string {
  if (typeof value !== "string" || value.length > max || /[\0\u0100-\uffff]/.test(value)) return bad(what);
  return value;
}

function pick<T>(list: readonly T[], index: unknown, what: string): T {
  return list[asUint(index, what, list.length - 1)] ?? bad(what);
}

function decodeMeta(value: unknown): Meta {
  const [mode, uid, gid, sec, nsec, xattrs] = asArray(value, "attributes");
  if (typeof sec !== "number" || !Number.isSafeInteger(sec)) bad("mtime");
  return {
    mode: asUint(mode, "mode", 0o7777),
    uid: asUint(uid, "uid", 0xffffffff),
    gid: asUint(gid, "gid", 0xffffffff),
    mtimeSec: sec,
    mtimeNsec: asUint(nsec, "mtime", 999_999_999),
    xattrs: xattrs === undefined ? [] : decodeXattrs(xattrs),
  };
}

function decodeXattrs(value: unknown): Xattrs {
  const list = asArray(value, "xattrs");
  if (list.length > XATTR_COUNT_MAX) bad("too many xattrs");
  return list.map((pair) => {
    const [name, bytes] = asArray(pair, "xattr");
    if (!Buffer.isBuffer(bytes) || bytes.length > XATTR_BYTES_MAX) bad("xattr value");
    const key = asText(name, "xattr name", NAME_BYTES_MAX);
    return [key === "" ? bad("xattr name") : key, bytes] as const;
  });
}

function decodeBase(value: unknown): FileBase | null {
  if (value === null) return null;
  const [size, sec, nsec] = asArray(value, "base");
  if (typeof sec !== "number" || !Number.isSafeInteger(sec)) bad("base");
  return { size: asUint(size, "base"), mtimeSec: sec, mtimeNsec: asUint(nsec, "base") };
}

function decodeExtents(value: unknown, size: number): readonly Extent[] {
  let end = 0;
  return asArray(value, "extents").map((pair) => {
    const [offset, length] = asArray(pair, "extent");
    const extent = [asUint(offset, "extent"), asUint(length, "extent")] as const;
    if (extent[0] < end || extent[0] + extent[1] > size) bad("extents out of order or beyond the size");
    end = extent[0] + extent[1];
    return extent;
  });
}

function decodeEntry(value: unknown): EntrySummary {
  const f = asArray(value, "entry");
  const sec = f[6];
  if (typeof sec !== "number" || !Number.isSafeInteger(sec)) bad("entry mtime");
  const entry: EntrySummary = {
    name: asName(f[0], "entry name"),
    type: pick(TYPES, f[1], "entry type"),
    mode: asUint(f[2], "entry mode", 0o7777),
    uid: asUint(f[3], "entry uid"),
    gid: asUint(f[4], "entry gid"),
    size: asUint(f[5], "entry size"),
    mtimeSec: sec,
    mtimeNsec: asUint(f[7], "entry mtime"),
    xattrDigest: asUint(f[8], "entry digest"),
    detail: asText(f[9], "entry detail", 65_536),
    linkTo: f[10] === null ? null : asPath(f[10], "entry link"),
    suspect: f[11] === 1,
  };
  return f[12] === undefined ? entry : { ...entry, hash: decodeHash(f[12]) };
}

function decodeOrphans(f: readonly unknown[], at: { root: number; path: BytePath }): OrphansChange {
  const [files, directories, bytes] = asArray(f[11], "sums");
  return {
    op: "orphans",
    ...at,
    deed: pick(DEEDS, f[3], "deed"),
    way: pick(["others", "these"] as const, f[4], "way"),
    names: asArray(f[5], "names").map((name) => asName(name, "name")),
    from: asText(f[6], "from", NAME_BYTES_MAX),
    until: asText(f[7], "until", NAME_BYTES_MAX),
    beforeMs: f[8] === null ? null : asUint(f[8], "time"),
    includesExcluded: f[9] === 1,
    place: f[10] === null ? null : decodePlace(f[10]),
    sums: { files: asUint(files, "sums"), directories: asUint(directories, "sums"), bytes: asUint(bytes, "sums") },
  };
}

function decodePlace(value: unknown): OrphanPlaceName {
  const [directory, repset, time] = asArray(value, "place");
  if (typeof directory !== "string" || !directory.startsWith("/") || !isBytePath(directory.slice(1))) return bad("place");
  return { directory, repset: asName(repset, "place"), time: asName(time, "place") };
}

function asName(value: unknown, what: string): string {
  const name = asPath(value, what);
  return name === "" || name.includes("/") ? bad(what) : name;
}

function decodeFile(f: readonly unknown[], at: { root: number; path: BytePath }, payload: Buffer, from: number): { change: Change; payloadEnd: number } {
  const size = asUint(f[7], "size");
  const extents = decodeExtents(f[5], size);
  const end = from + extents.reduce((sum, [, length]) => sum + length, 0);
  if (end > payload.length) bad("payload is shorter than the extents say");
  const change: Change = {
    op: "file",
    ...at,
    start: pick(["replace", "patch"] as const, f[3], "start"),
    base: decodeBase(f[4]),
    extents,
    holes: decodeExtents(f[6], size),
    size,
    meta: f[8] === null ? null : decodeMeta(f[8]),
    continues: f[9] === 1,
    payload: payload.subarray(from, end),
  };
  return { change, payloadEnd: end };
}

function decodeRebuild(f: readonly unknown[], at: { root: number; path: BytePath }, payload: Buffer, from: number): { change: Change; payloadEnd: number } {
  const size = asUint(f[6], "size");
  const parts = asArray(f[5], "parts");
  if (parts.length % 2 !== 0 || parts.length > 2 * REBUILD_PARTS_MAX) bad("parts");
  let bytes = 0;
  let payloadEnd = from;
  for (let i = 0; i < parts.length; i += 2) {
    const origin = parts[i];
    const length = asUint(parts[i + 1], "part");
    if (origin === FROM_PAYLOAD) payloadEnd += length;
    else if (origin !== ZEROS) asUint(asUint(origin, "part") + length, "part");
    bytes += length;
  }
  if (bytes > size || payloadEnd > payload.length) bad("parts are more than there is");
  const end = f[8] === null ? null : asArray(f[8], "end");
  const change: RebuildChange = {
    op: "rebuild",
    ...at,
    base: decodeBase(f[3]),
    continues: f[4] === 1,
    parts: parts as readonly number[],
    size,
    seed: decodeHash(f[7]),
    end: end && { meta: decodeMeta(end[0]), hash: decodeHash(end[1]) },
    payload: payload.subarray(from, payloadEnd),
  };
  return { change, payloadEnd };
}

function decodeIndex(f: readonly unknown[], at: { root: number; path: BytePath }): IndexChange {
  const blockBytes = asUint(f[3], "block size", BLOCK_BYTES);
  if (blockBytes < INDEX_BLOCK_BYTES_MIN || (blockBytes & (blockBytes - 1)) !== 0) bad("block size");
  const ranges = asArray(f[4], "ranges").map((value) => asUint(value, "ranges", BLOCKS_MAX));
  if (ranges.length % 2 !== 0) bad("ranges");
  let end = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    if ((ranges[i] as number) < end) bad("ranges out of order");
    end = (ranges[i] as number) + (ranges[i + 1] as number);
  }
  return { op: "index", ...at, blockBytes, ranges };
}

function decodeTask(f: readonly unknown[], at: { root: number; path: BytePath }): TaskChange {
  const name = taskNameSchema.safeParse(f[5]);
  const number = asUint(f[4], "number");
  if (f.length !== 9 || !name.success || number === 0) return bad("task");
  return {
    op: "task",
    ...at,
    deed: pick(["run", "close"] as const, f[3], "deed"),
    number,
    name: name.data,
    onReceive: decodeProgram(f[6]),
    onExecute: decodeProgram(f[7]),
    timeoutMs: f[8] === null ? null : asUint(f[8], "time", TASK_TIMEOUT_MS_MAX),
  };
}

function decodeProgram(value: unknown): Program | null {
  if (value === null) return null;
  const [path, args, ...more] = asArray(value, "program");
  if (args === undefined) return bad("program");
  const program = programSchema.safeParse({ path, args });
  return program.success && more.length === 0 ? program.data : bad("program");
}

/** Decodes one change; its payload starts at `from` in the set's payload. */
export function decodeChange(value: unknown, payload: Buffer, from: number): { change: Change; payloadEnd: number } {
  const f = asArray(value, "no array");
  const op = pick(OPCODES, f[0], "opcode");
  const at = { root: asUint(f[1], "root", ROOTS_MAX), path: asPath(f[2]) };
  const done = (change: Change) => ({ change, payloadEnd: from });
  switch (op) {
    case "dir":
      return done({ op, ...at, meta: decodeMeta(f[3]) });
    case "file":
      return decodeFile(f, at, payload, from);
    case "symlink":
      return done({ op, ...at, target: asText(f[3], "link target", 65_536), meta: decodeMeta(f[4]) });
    case "special":
      return done({
        op,
        ...at,
        kind: pick(KINDS, f[3], "kind"),
        major: asUint(f[4], "major", 0xffffffff),
        minor: asUint(f[5], "minor", 0xffffffff),
        meta: decodeMeta(f[6]),
      });
    case "link":
      return done({ op, ...at, to: asPath(f[3], "to") });
    case "attr":
      return done({ op, ...at, type: pick(TYPES, f[3], "type"), meta: decodeMeta(f[4]), base: decodeBase(f[5]) });
    case "rename":
      return done({ op, ...at, to: asPath(f[3], "to"), type: pick(TYPES, f[4], "type") });
    case "remove":
      return done({ op, ...at });
    case "sums":
      return done(f.length < 5 ? { op, ...at } : { op, ...at, range: { first: asUint(f[3], "first"), count: asUint(f[4], "count") } });
    case "orphans":
      return done(decodeOrphans(f, at));
    case "index":
      return done(decodeIndex(f, at));
    case "rebuild":
      return decodeRebuild(f, at, payload, from);
    case "task":
      return done(decodeTask(f, at));
    case "compare":
      return done({
        op,
        ...at,
        entries: asArray(f[3], "entries").map(decodeEntry),
        from: asText(f[4], "from", NAME_BYTES_MAX),
        until: asText(f[5], "until", NAME_BYTES_MAX),
        extras: pick(EXTRAS, f[6], "extras"),
        meta: f[7] === null ? null : decodeMeta(f[7]),
        asksShared: f[8] === 1,
        ...(f[9] === 1 ? { asksFound: true } : {}),
        ...(f[10] === 1 ? { settlesExtras: true } : {}),
      });
  }
}
