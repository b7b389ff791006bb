// What a welcome means for a connection: where the stream goes on, what must be repaired first.

import type { Journal, JournalRecord } from "../model/journal-port.js";
import type { MirrorContent, MirrorWish } from "../model/mirror-wish.js";
import type { Welcome } from "../model/session.js";
import type { SourceFeed } from "../model/source-messages.js";
import { whyNoCopy } from "./checkpoints.js";
import type { ConnectionRecord, MirrorNeed } from "./connection-record.js";
import { type KeptPointer, pointerInStream } from "./mirror-pointer.js";

export interface ResumeInput {
  readonly record: ConnectionRecord;
  readonly welcome: Welcome;
  /** Last set whose answers the source heard, in the journal's epoch. */
  readonly heardSeq: number;
  /** Last set that the target said to have applied, while the stream was open. */
  readonly toldSeq: number;
  /** The stream was already open in this epoch, on an earlier channel. */
  readonly hadStream: boolean;
  readonly nowIso: string;
}

export interface ResumePlan {
  /** Sets after this one are to be sent. */
  readonly sentSeq: number;
  /** Sets in (from, until] were applied, but their answers were never heard. */
  readonly review: { readonly from: number; readonly until: number } | null;
  readonly mirrorNeed: MirrorNeed | null;
  /** A running mirror belongs to a target that is no more what it was: it starts anew. */
  readonly restartMirror: boolean;
}

export function planResume(input: ResumeInput): ResumePlan {
  const { record, welcome } = input;
  const plan = planFor(input, scannedOrMirrored(record, welcome));
  // Whoever the target is: what counts is whether it has what was sent.
  const pointer = pointerInStream(record.mirrorNeed?.doneThrough, record.epoch, welcome);
  return { ...plan, mirrorNeed: plan.mirrorNeed === null ? null : withPointer(plan.mirrorNeed, pointer) };
}

function planFor({ record, welcome, heardSeq, toldSeq, hadStream, nowIso }: ResumeInput, need: MirrorNeed | null): ResumePlan {
  const isSetBack = welcome.resumed && hadStream && welcome.appliedSeq < toldSeq;
  if (welcome.resumed && hadStream && !isSetBack) {
    const review = welcome.appliedSeq > heardSeq ? { from: heardSeq, until: welcome.appliedSeq } : null;
    return { sentSeq: Math.max(heardSeq, welcome.appliedSeq), review, mirrorNeed: need, restartMirror: false };
  }
  if (welcome.resumed && !isSetBack) return { sentSeq: Math.max(record.durableSeq, welcome.appliedSeq), review: null, mirrorNeed: need, restartMirror: true };
  const isKnown = record.wasMirrored || hadStream;
  if (!isKnown || need?.isScan === true) return { sentSeq: record.durableSeq, review: null, mirrorNeed: need, restartMirror: true };
  const why = isSetBack
    ? `the target was set back: it has change set ${welcome.appliedSeq}, and had ${toldSeq}`
    : welcome.suspect
      ? "the target's machine crashed before everything was on its disk"
      : "the target does not know this stream (new, replaced or reset)";
  return {
    sentSeq: record.durableSeq,
    review: null,
    restartMirror: true,
    mirrorNeed: mergeNeeds(need, {
      reason: "target",
      message: why,
      since: nowIso,
      mode: "difference",
      extras: "remove",
      // What it had of a file may have the size and times of what it lost.
      ...(isSetBack || isUnproven(record) ? { content: "checksum-all" } : {}),
      changedSinceMs: record.cleanUntilMs,
      isAutomatic: record.options.replicate,
    }),
  };
}

/** What a mirror put right by contents may have been lost: then size and times are as they were before it, too. */
function isUnproven({ unproven, epoch, durableSeq }: ConnectionRecord): boolean {
  return unproven != null && (unproven.epoch !== epoch || unproven.seq > durableSeq);
}

/** A scan is enough for the copy that the checkpoint is about; any other target is compared as a whole. */
function scannedOrMirrored(record: ConnectionRecord, welcome: Welcome): MirrorNeed | null {
  const need = record.mirrorNeed;
  if (need?.isScan !== true) return need;
  const why = whyNoCopy(record, welcome);
  return why === null ? need : asMirror(need, why);
}

/** What a scan was to do, done by a mirror. */
export function asMirror({ isScan, message, ...need }: MirrorNeed, why: string): MirrorNeed {
  return { ...need, message: isScan === true ? `${message}, and ${why}` : message };
}

/** The need that covers both: the wider comparison, the earlier since. A first mirror's protection of foreign files wins. */
export function mergeNeeds(a: MirrorNeed | null, b: MirrorNeed): MirrorNeed {
  if (a === null) return b;
  const changedSinceMs = earliest(a.changedSinceMs, b.changedSinceMs, a.again?.changedSinceMs ?? null);
  // What is begun anew is what was to follow, too, but where it may remove less.
  const again = a.again !== undefined && a.extras === "report" && a.tellsExtras !== true && b.extras === "remove" ? { again: a.again } : {};
  const { isScan, missingOnly = false, skipsEmpty = false, ...rest } = b;
  const restored = b.restored ?? a.restored;
  const orphans = a.orphans ?? b.orphans;
  return {
    ...rest,
    ...(restored === undefined ? {} : { restored }),
    ...(orphans == null ? {} : { orphans }),
    ...(isScan === true && a.isScan === true ? { isScan } : {}),
    since: a.since,
    mode: a.mode === "full" ? "full" : b.mode,
    content: strongest(a.content, b.content),
    newerOnly: a.newerOnly === true && b.newerOnly === true,
    ...(missingOnly && a.missingOnly === true ? { missingOnly } : {}),
    ...(skipsEmpty && a.skipsEmpty === true ? { skipsEmpty } : {}),
    ...(a.isSettling === true || a.again?.isSettling === true ? { isSettling: true } : {}),
    ...(a.isSized === undefined ? {} : { isSized: a.isSized }),
    ...(a.paused === undefined ? {} : { paused: a.paused }),
    // What is done stays done when the agent ends. Where anything else happened, all is gone through anew.
    ...(a.doneThrough === undefined || b.reason !== "restart" ? {} : { doneThrough: a.doneThrough }),
    extras: a.extras === "report" && a.tellsExtras !== true ? "report" : b.extras,
    changedSinceMs,
    isAutomatic: a.isAutomatic || b.isAutomatic,
    ...again,
  };
}

/** The earliest of those that are; null = none is. */
function earliest(...times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** Replication begins again: what changed meanwhile was not sent. */
export function needAfterStop(
  { cleanUntilMs }: Pick<ConnectionRecord, "cleanUntilMs">,
  nowIso: string,
  { isAutomatic, isSettling }: { readonly isAutomatic: boolean; readonly isSettling: boolean },
): MirrorNeed {
  const message = "replication was stopped: what changed meanwhile was not sent";
  const settling = isSettling ? { isSettling } : {};
  return { reason: "replication", message, since: nowIso, mode: "difference", extras: "remove", changedSinceMs: cleanUntilMs, ...settling, isAutomatic };
}

/** `need` behind the mirror that is under way. */
export function followedBy(underWay: MirrorNeed, { message, since, changedSinceMs, isSettling, isAutomatic }: MirrorNeed): MirrorNeed {
  const { again } = underWay;
  const settling = isSettling === true || again?.isSettling === true ? { isSettling: true } : {};
  const sinceMs = earliest(changedSinceMs, again?.changedSinceMs ?? null) ?? 0;
  return {
    ...underWay,
    again: { message, since: again?.since ?? since, changedSinceMs: sinceMs, ...settling, isAutomatic: isAutomatic || again?.isAutomatic === true },
  };
}

/** The same object when nothing is different. */
export function withPointer(need: MirrorNeed, pointer: KeptPointer | undefined): MirrorNeed {
  if (need.doneThrough === pointer) return need;
  const { doneThrough: _, ...rest } = need;
  return pointer === undefined ? rest : { ...rest, doneThrough: pointer };
}

/** Nothing foreign can be in an empty target: all of it may be sent unasked, and removed again. */
export function withEmptyTarget(need: MirrorNeed | null, isEmpty: boolean): MirrorNeed | null {
  return need !== null && isEmpty ? { ...need, extras: "remove" } : need;
}

/** A mirror by hand. One that is owed anyway keeps what it must do beyond the user's wish. */
export function needByHand(owed: MirrorNeed | null, wish: MirrorWish, nowIso: string): MirrorNeed {
  const restored = owed?.restored === undefined ? {} : { restored: owed.restored };
  const isSettling = owed?.isSettling === true || owed?.again?.isSettling === true;
  const settling = isSettling ? { isSettling } : {};
  const kept =
    owed === null
      ? ({ extras: "report", tellsExtras: true, changedSinceMs: null } as const)
      : { ...extrasOf(owed), changedSinceMs: earliest(owed.changedSinceMs, owed.again?.changedSinceMs ?? null), ...restored, ...againOf(owed, wish) };
  return { reason: "manual", message: "started by hand", since: nowIso, ...wish, ...kept, ...settling, isAutomatic: true };
}

/** It is begun anew, and needs none to follow, but where that may remove more. One of some paths leaves what is owed. */
function againOf({ extras, again }: MirrorNeed, { paths }: MirrorWish): Pick<MirrorNeed, "again"> {
  return again === undefined || extras === "remove" || paths !== undefined ? {} : { again };
}

function extrasOf({ extras, tellsExtras }: MirrorNeed): Pick<MirrorNeed, "extras" | "tellsExtras"> {
  return tellsExtras === undefined ? { extras } : { extras, tellsExtras };
}

/** What is still owed when a mirror is done: what it left alone on the target is not as the source has it, and a person wanted that; and the one that follows it. */
export function needAfter(done: MirrorNeed | null, leftAlone: number, nowIso: string, leftEmpty = 0): MirrorNeed | null {
  if (done === null) return null;
  const left = leftAlone === 0 ? null : needOfLeft(done, leftAlone, leftEmpty, nowIso);
  const { again } = done;
  return again === undefined ? left : mergeNeeds(left, { reason: "replication", mode: "difference", extras: "remove", ...again });
}

function needOfLeft(done: MirrorNeed, leftAlone: number, leftEmpty: number, nowIso: string): MirrorNeed {
  const {
    paths: _,
    orphans: __,
    doneThrough: ___,
    paused: ____,
    missingOnly: _____,
    skipsEmpty: ______,
    isSettling: _______,
    again: ________,
    ...whole
  } = done;
  const message = leftText(done, leftAlone - leftEmpty, leftEmpty);
  return { ...whole, message, since: nowIso, mode: "difference", newerOnly: false, isAutomatic: false };
}

function leftText({ missingOnly }: MirrorNeed, others: number, leftEmpty: number): string {
  const filesWere = (count: number): string => `${count} ${count === 1 ? "file was" : "files were"}`;
  const why = missingOnly === true ? "the target has something there, and nothing was to be overwritten" : "not being older on the target than on the source";
  const parts = [
    ...(leftEmpty > 0 ? [`${filesWere(leftEmpty)} left out for being empty`] : []),
    ...(others > 0 ? [`${filesWere(others)} left alone, ${why}`] : []),
  ];
  return parts.join("; ");
}

const BY_STRENGTH: readonly MirrorContent[] = ["times", "checksum", "checksum-all"];

function strongest(a: MirrorContent = "times", b: MirrorContent = "times"): MirrorContent {
  return BY_STRENGTH.indexOf(a) > BY_STRENGTH.indexOf(b) ? a : b;
}

/** Has what the sets of the span touched compared. Returns its end. */
export async function reviewSpan(
  { journal, feed }: { readonly journal: Journal; readonly feed: Pick<SourceFeed, "send"> },
  connectionId: number,
  span: { readonly from: number; readonly until: number },
  isLeftOut: (record: JournalRecord) => boolean = () => false,
): Promise<number> {
  feed.send({ kind: "review", connectionId, frames: await framesOf(journal, connectionId, span, isLeftOut) });
  return span.until;
}

/** The sets of a connection in (from, until], as the journal has them. */
export async function framesOf(
  journal: Journal,
  connectionId: number,
  { from, until }: { readonly from: number; readonly until: number },
  isLeftOut: (record: JournalRecord) => boolean = () => false,
): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  for (let at = from; ; ) {
    const record = await journal.next(connectionId, at);
    if (record === undefined || record.seq > until) return frames;
    if (!isLeftOut(record)) frames.push(Buffer.from(record.bytes));
    at = record.seq;
  }
}
