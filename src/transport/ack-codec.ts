// Acknowledgements with their answers, positional and checked by hand: one may carry thousands of differences.
//   ["ack", appliedSeq, durableSeq, [answer, …], retrying | null, takenSeq, consistentSeq, consistentTimeMs, doubt | null],
//   payload = the block sums and indexes of its answers, in order.

import { SmError } from "../base/errors.js";
import { type BytePath, isBytePath } from "../model/byte-path.js";
import {
  type Answer,
  type CompareAnswer,
  type Difference,
  type FileBase,
  type FoundEntry,
  INDEX_ENTRY_BYTES,
  type IndexAnswer,
  type OrphanFound,
  type OrphansAnswer,
  type SharedName,
  type TaskAnswer,
} from "../model/change.js";
import { isSeq } from "../model/change-set.js";
import { type Ack, type Doubt, doubtSchema, type Retrying, retryingSchema } from "../model/session.js";
import { TASK_OUTCOMES, type TaskResult, taskResultSchema } from "../model/task.js";
import { isTimeMs } from "../model/wire-time.js";

const KINDS = ["compare", "sums", "stale", "problem", "orphans", "index", "task"] as const;
const WHYS: readonly Difference["why"][] = ["missing", "type", "content", "attr", "link"];
const ROOTS_MAX = 4096;
export const ANSWERS_MAX = 20_000;
/** No more differences than one set can ask about; no more extras than fit a frame at the longest names. */
export const NAMES_MAX = 100_000;
export const TEXT_MAX = 2000;
const CODE_MAX = 64;
export const INODE_MAX = 64;
const ORPHAN_FIELDS = 8;
const LINKS_MAX = 0xffffffff;
/** 448 GiB of file in blocks of 64 KiB: leaves room for the rest of the frame. */
export const SUMS_BYTES_MAX = 56 * 1024 * 1024;

const WHY_INDEX: Readonly<Record<Difference["why"], number>> = { missing: 0, type: 1, content: 2, attr: 3, link: 4 };

export function encodeAckHeader(ack: Ack): unknown[] {
  const { appliedSeq, durableSeq, retrying, takenSeq, consistentSeq, consistentTimeMs, doubt } = ack;
  return ["ack", appliedSeq, durableSeq, ack.answers.map(encodeAnswer), retrying, takenSeq, consistentSeq, consistentTimeMs, doubt];
}

export function ackPayloads(ack: Ack): Buffer[] {
  return ack.answers.flatMap((answer) => payloadOf(answer) ?? []);
}

function payloadOf(answer: Answer): Buffer | null {
  return answer.kind === "sums" ? answer.sums : answer.kind === "index" ? answer.entries : null;
}

function encodeAnswer(answer: Answer): unknown[] {
  const head = [KINDS.indexOf(answer.kind), answer.seq, answer.root, answer.path];
  switch (answer.kind) {
    case "compare": {
      const flat: (string | number)[] = [];
      for (const difference of answer.differs) flat.push(difference.name, WHY_INDEX[difference.why]);
      const fields = [...head, flat, answer.extras, answer.removed];
      const shared = answer.shared?.flatMap(({ name, inode, links }) => [name, inode, links]);
      if (answer.differs.some(({ found }) => found !== undefined)) return [...fields, shared ?? [], answer.differs.map(encodeFound)];
      return shared === undefined ? fields : [...fields, shared];
    }
    case "sums":
      return [...head, encodeBase(answer.base), answer.sums.length];
    case "index":
      return [...head, encodeBase(answer.base), answer.canRebuild ? 1 : 0, answer.entries.length];
    case "stale":
      return [...head, answer.reason];
    case "problem":
      return [...head, answer.code, answer.message];
    case "orphans":
      return [...head, answer.total, answer.found.flatMap(encodeOrphan), answer.next, answer.refused];
    case "task":
      return [...head, ...encodeTask(answer.result)];
  }
}

function encodeTask({ number, outcome, why, runs }: TaskResult): unknown[] {
  const flat = runs.map(({ phase, outcome: end, exitCode, signal, output, why: reason, ms }) => [phase, end, exitCode, signal, output, reason, ms]);
  return [number, TASK_OUTCOMES.indexOf(outcome), why, flat];
}

function encodeBase(base: FileBase | null): unknown {
  return base && [base.size, base.mtimeSec, base.mtimeNsec];
}

function encodeFound({ found }: Difference): unknown {
  return found === undefined ? null : [found.size, found.mtimeSec, found.mtimeNsec, found.mode];
}

function encodeOrphan({ name, isDirectory, files, directories, bytes, kept, failed, why }: OrphanFound): unknown[] {
  return [name, isDirectory ? 1 : 0, files, directories, bytes, kept, failed, why];
}

function bad(what: string): never {
  throw new SmError("PROTOCOL", `an acknowledgement is malformed: ${what}`);
}

function asArray(value: unknown, what: string, max: number): readonly unknown[] {
  return Array.isArray(value) && value.length <= max ? value : bad(what);
}

function asUint(value: unknown, what: string, max = Number.MAX_SAFE_INTEGER): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max ? value : bad(what);
}

function asText(value: unknown, what: string, max: number): string {
  return typeof value === "string" && value.length <= max ? value : bad(what);
}

/** One component in bytes; `empty` allows "" for the directory itself. */
function asName(value: unknown, empty: boolean): string {
  if (typeof value !== "string" || !isBytePath(value) || value.includes("/")) return bad("a name");
  return value === "" && !empty ? bad("a name is empty") : value;
}

export function decodeAck(fields: readonly unknown[], payload: Buffer): Ack {
  const [, appliedSeq, durableSeq, list, retrying, takenSeq, consistentSeq, consistentTimeMs, doubt] = fields;
  if (fields.length !== 9 || !isSeq(appliedSeq) || !isSeq(durableSeq) || !isSeq(takenSeq) || !isSeq(consistentSeq)) return bad("its sequence numbers");
  if (takenSeq < appliedSeq || consistentSeq > appliedSeq) return bad("the order of its sequence numbers");
  if (!isTimeMs(consistentTimeMs)) return bad("its time");
  const answers: Answer[] = [];
  let at = 0;
  for (const item of asArray(list, "its answers", ANSWERS_MAX)) {
    const answer = decodeAnswer(item, payload, at);
    at += payloadOf(answer)?.length ?? 0;
    answers.push(answer);
  }
  if (at !== payload.length) bad(`${payload.length - at} bytes of payload belong to no answer`);
  const state = { retrying: retrying === null ? null : decodeRetrying(retrying), doubt: doubt === null ? null : decodeDoubt(doubt) };
  return { appliedSeq, durableSeq, answers, takenSeq, consistentSeq, consistentTimeMs, ...state };
}

function decodeDoubt(value: unknown): Doubt {
  const parsed = doubtSchema.safeParse(value);
  return parsed.success ? parsed.data : bad("its doubt");
}

function decodeRetrying(value: unknown): Retrying {
  const parsed = retryingSchema.safeParse(value);
  return parsed.success ? parsed.data : bad("its retry state");
}

function decodeAnswer(value: unknown, payload: Buffer, from: number): Answer {
  const f = asArray(value, "an answer", 9);
  const kind = KINDS[asUint(f[0], "the kind of an answer", KINDS.length - 1)] ?? bad("the kind of an answer");
  const path = f[3];
  if (typeof path !== "string" || !isBytePath(path)) return bad("a path");
  const at = { seq: asUint(f[1], "a sequence number"), root: asUint(f[2], "a root", ROOTS_MAX), path };
  switch (kind) {
    case "compare":
      if (f.length < 7) bad("a compare answer");
      return decodeCompare(f, at);
    case "sums": {
      if (f.length !== 6) bad("a sums answer");
      const length = asUint(f[5], "the length of block sums", SUMS_BYTES_MAX);
      if (length % 8 !== 0 || from + length > payload.length) bad("the length of block sums");
      return { kind, ...at, base: decodeBase(f[4]), sums: payload.subarray(from, from + length) };
    }
    case "index":
      return decodeIndex(f, at, payload, from);
    case "stale":
      if (f.length !== 5) bad("a stale answer");
      return { kind, ...at, reason: asText(f[4], "a reason", TEXT_MAX) };
    case "problem":
      if (f.length !== 6) bad("a problem answer");
      return { kind, ...at, code: asText(f[4], "a code", CODE_MAX), message: asText(f[5], "a message", TEXT_MAX) };
    case "orphans":
      if (f.length !== 8) bad("an orphans answer");
      return decodeOrphans(f, at);
    case "task":
      return decodeTask(f, at);
  }
}

function decodeTask(f: readonly unknown[], at: { readonly seq: number; readonly root: number; readonly path: BytePath }): TaskAnswer {
  const runs = asArray(f[7], "the runs of a task", 2).map((item) => {
    const [phase, outcome, exitCode, signal, output, why, ms] = asArray(item, "a run", 7);
    return { phase, outcome, exitCode, signal, output, why, ms };
  });
  const outcome = TASK_OUTCOMES[asUint(f[5], "the outcome of a task", TASK_OUTCOMES.length - 1)];
  const result = taskResultSchema.safeParse({ number: f[4], outcome, why: f[6], runs });
  return f.length === 8 && result.success ? { kind: "task", ...at, result: result.data } : bad("a task answer");
}

function decodeIndex(f: readonly unknown[], at: { seq: number; root: number; path: BytePath }, payload: Buffer, from: number): IndexAnswer {
  if (f.length !== 7) bad("an index answer");
  const length = asUint(f[6], "the length of an index", SUMS_BYTES_MAX);
  if (length % INDEX_ENTRY_BYTES !== 0 || from + length > payload.length) bad("the length of an index");
  return { kind: "index", ...at, base: decodeBase(f[4]), canRebuild: f[5] === 1, entries: payload.subarray(from, from + length) };
}

function decodeCompare(f: readonly unknown[], at: { readonly seq: number; readonly root: number; readonly path: BytePath }): CompareAnswer {
  const flat = asArray(f[4], "differences", NAMES_MAX * 2);
  if (flat.length % 2 !== 0) bad("differences");
  const found = f.length < 9 ? [] : asArray(f[8], "what was found", flat.length / 2);
  const differs: Difference[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const why = WHYS[asUint(flat[i + 1], "a difference", WHYS.length - 1)] ?? bad("a difference");
    const difference = { name: asName(flat[i], true), why };
    const instead = found[i / 2] ?? null;
    differs.push(instead === null ? difference : { ...difference, found: decodeFound(instead) });
  }
  const extras = asArray(f[5], "extras", NAMES_MAX).map((name) => asName(name, false));
  const answer: CompareAnswer = { kind: "compare", ...at, differs, extras, removed: asUint(f[6], "a count") };
  return f.length === 7 ? answer : { ...answer, shared: decodeShared(f[7]) };
}

function decodeOrphans(f: readonly unknown[], at: { readonly seq: number; readonly root: number; readonly path: BytePath }): OrphansAnswer {
  const flat = asArray(f[5], "orphans", NAMES_MAX * ORPHAN_FIELDS);
  if (flat.length % ORPHAN_FIELDS !== 0) bad("orphans");
  const found: OrphanFound[] = [];
  for (let i = 0; i < flat.length; i += ORPHAN_FIELDS) {
    const [name, isDirectory, files, directories, bytes, kept, failed, why] = flat.slice(i, i + ORPHAN_FIELDS);
    found.push({
      name: asName(name, false),
      isDirectory: isDirectory === 1,
      files: asUint(files, "a count"),
      directories: asUint(directories, "a count"),
      bytes: asUint(bytes, "a count"),
      kept: asUint(kept, "a count"),
      failed: asUint(failed, "a count"),
      why: why === null ? null : asText(why, "a reason", TEXT_MAX),
    });
  }
  const next = f[6] === null ? null : asName(f[6], false);
  return { kind: "orphans", ...at, total: asUint(f[4], "a count"), found, next, refused: f[7] === null ? null : asText(f[7], "a reason", TEXT_MAX) };
}

function decodeFound(value: unknown): FoundEntry {
  const [size, mtimeSec, mtimeNsec, mode] = asArray(value, "what was found", 4);
  if (typeof mtimeSec !== "number" || !Number.isSafeInteger(mtimeSec)) return bad("what was found");
  return { size: asUint(size, "a size"), mtimeSec, mtimeNsec: asUint(mtimeNsec, "a time", 999_999_999), mode: asUint(mode, "a mode", 0o7777) };
}

function decodeShared(value: unknown): readonly SharedName[] {
  const flat = asArray(value, "shared names", NAMES_MAX * 3);
  if (flat.length % 3 !== 0) bad("shared names");
  const shared: SharedName[] = [];
  for (let i = 0; i < flat.length; i += 3) {
    shared.push({ name: asName(flat[i], false), inode: asText(flat[i + 1], "an inode", INODE_MAX), links: asUint(flat[i + 2], "links", LINKS_MAX) });
  }
  return shared;
}

function decodeBase(value: unknown): FileBase | null {
  if (value === null) return null;
  const f = asArray(value, "a base", 3);
  const sec = f[1];
  if (f.length !== 3 || typeof sec !== "number" || !Number.isSafeInteger(sec)) return bad("a base");
  return { size: asUint(f[0], "a base"), mtimeSec: sec, mtimeNsec: asUint(f[2], "a base", 999_999_999) };
}
