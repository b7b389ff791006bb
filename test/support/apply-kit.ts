// An engine on a temporary target, and frames written as literals.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApplyEngine, type ApplyEngineOptions } from "../../src/apply/apply-engine.js";
import { listNames } from "../../src/fs/confined-root.js";
import { AT_FDCWD, closeFd, type FileStat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openAt, preadFd, readlinkAt, statAt } from "../../src/fs/native.js";
import { readXattrs, xattrDigest } from "../../src/fs/xattrs.js";
import type { BytePath } from "../../src/model/byte-path.js";
import type { Answer, Change, EntrySummary, Extent, FileBase, Meta } from "../../src/model/change.js";
import { encodeChangeSet } from "../../src/model/change-set.js";

export const EPOCH = "0123456789abcdef";

export function bp(text: string): BytePath {
  return text as BytePath;
}

export function meta(part: Partial<Meta> = {}): Meta {
  return { mode: 0o644, uid: 0, gid: 0, mtimeSec: 1_700_000_000, mtimeNsec: 123_456_789, xattrs: [], ...part };
}

export function file(path: string, content: string | Buffer, part: Partial<Meta> = {}): Change {
  const payload = Buffer.from(content);
  const extents: Extent[] = payload.length === 0 ? [] : [[0, payload.length]];
  return {
    op: "file",
    root: 0,
    path: bp(path),
    start: "replace",
    base: null,
    continues: false,
    extents,
    holes: [],
    size: payload.length,
    meta: meta(part),
    payload,
  };
}

export function patch(
  path: string,
  base: FileBase | null,
  pieces: readonly [number, string][],
  size: number,
  last: Meta | null,
  holes: readonly Extent[] = [],
  continues = false,
): Change {
  const extents = pieces.map(([offset, text]): Extent => [offset, Buffer.byteLength(text)]);
  return {
    op: "file",
    root: 0,
    path: bp(path),
    start: "patch",
    base,
    continues,
    extents,
    holes,
    size,
    meta: last,
    payload: Buffer.from(pieces.map(([, text]) => text).join("")),
  };
}

export function dir(path: string, part: Partial<Meta> = {}): Change {
  return { op: "dir", root: 0, path: bp(path), meta: meta({ mode: 0o755, ...part }) };
}

export function symlink(path: string, target: string): Change {
  return { op: "symlink", root: 0, path: bp(path), target, meta: meta({ mode: 0o777 }) };
}

export function remove(path: string): Change {
  return { op: "remove", root: 0, path: bp(path) };
}

export function rename(path: string, to: string, type: "file" | "dir" = "file"): Change {
  return { op: "rename", root: 0, path: bp(path), to: bp(to), type };
}

export function link(path: string, to: string): Change {
  return { op: "link", root: 0, path: bp(path), to: bp(to) };
}

export function entry(name: string, part: Partial<EntrySummary> = {}): EntrySummary {
  const base = {
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeSec: 1_700_000_000,
    mtimeNsec: 123_456_789,
    xattrDigest: 0,
    detail: "",
    linkTo: null,
    suspect: false,
  } as const;
  return { name, ...base, ...part };
}

export function frame(seq: number, changes: readonly Change[]): Buffer {
  return encodeChangeSet({ seq, sourceTimeMs: 1, closed: true, mirror: false, changes });
}

/** A target directory with an engine that can be reopened as after a kill. */
export class ApplyKit {
  readonly directory = mkdtempSync(join(tmpdir(), "sm-apply-"));
  readonly target = join(this.directory, "target");
  readonly #options: Partial<ApplyEngineOptions>;
  engine: ApplyEngine;
  seq = 0;

  constructor(options: Partial<ApplyEngineOptions> = {}) {
    this.#options = options;
    this.engine = this.open();
    this.engine.begin(EPOCH);
  }

  open(more: Partial<ApplyEngineOptions> = {}): ApplyEngine {
    const mappings = [{ source: "/source/data", target: this.target }];
    return ApplyEngine.open({ stateDirectory: join(this.directory, "state"), mappings, remapLinks: true, ...this.#options, ...more });
  }

  reopen(more: Partial<ApplyEngineOptions> = {}): void {
    this.engine.close();
    this.engine = this.open(more);
  }

  /** Applies one set; fails when the engine is blocked. */
  apply(...changes: readonly Change[]): readonly Answer[] {
    const outcome = this.engine.applySet(frame(++this.seq, changes));
    if (outcome.kind !== "applied") throw new Error(`not applied: ${JSON.stringify(outcome)}`);
    return outcome.answers;
  }

  path(name: string): string {
    return join(this.target, name);
  }

  stat(name: string): FileStat {
    const stat = statAt(AT_FDCWD, `${this.target}/${name}`);
    if (typeof stat === "number") throw new Error(`${name}: errno ${-stat}`);
    return stat;
  }

  close(): void {
    this.engine.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Everything there is to know about a tree, without times of change: for comparison of whole trees. */
export function snapshot(root: string, mtimes = true): Record<string, string> {
  const out: Record<string, string> = {};
  const groups = new Map<number, string>();
  walk(root, "", out, groups, mtimes);
  return out;
}

function walk(root: string, at: string, out: Record<string, string>, groups: Map<number, string>, mtimes: boolean): void {
  const fd = openAt(AT_FDCWD, at === "" ? root : `${root}/${at}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd < 0) return;
  for (const name of listNames(fd).sort()) {
    const path = at === "" ? name : `${at}/${name}`;
    const stat = statAt(fd, name);
    if (typeof stat === "number") continue;
    const isDirectory = (stat.mode & 0o170000) === 0o040000;
    const xattrs = readXattrs(`${root}/${path}`);
    const group = stat.nlink > 1 && !isDirectory ? (groups.get(stat.ino) ?? path) : "";
    if (group !== "") groups.set(stat.ino, group);
    const times = mtimes && !isDirectory ? `${stat.mtimeSec}.${stat.mtimeNsec}` : "";
    const body = contentOf(fd, name, stat);
    out[path] = [stat.mode.toString(8), stat.uid, stat.gid, times, typeof xattrs === "number" ? "?" : xattrDigest(xattrs), group, body].join(" ");
    if (isDirectory) walk(root, path, out, groups, mtimes);
  }
  closeFd(fd);
}

function contentOf(dirfd: number, name: string, stat: FileStat): string {
  const type = stat.mode & 0o170000;
  if (type === 0o120000) return String(readlinkAt(dirfd, name));
  if (type !== 0o100000) return `${stat.rdevMajor}:${stat.rdevMinor}`;
  const fd = openAt(dirfd, name, O_RDONLY | O_NOFOLLOW);
  const bytes = Buffer.alloc(stat.size);
  preadFd(fd, bytes, bytes.length, 0);
  closeFd(fd);
  return bytes.toString("latin1");
}
