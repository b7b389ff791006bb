// What the main thread and the source worker of one replication set say to each other. Both ends are ours and run the
// same build: messages are typed, not validated.

import type { Pulse } from "../base/pulse.js";
import type { BytePath } from "./byte-path.js";
import type { AuditFigures, CaptureCoverage } from "./capture-port.js";
import type { Answer, CompareChange, OrphanPlaceName, RootIndex, TaskChange } from "./change.js";
import type { CleanMark } from "./clean-mark.js";
import type { DirtyPlace } from "./dirty-place.js";
import type { PathKnowledge } from "./explanation.js";
import type { CompareRequest } from "./mirror-port.js";
import type { MirrorContent, MirrorPlace, MirrorPointer } from "./mirror-wish.js";
import type { OrphanCounts, OrphanFinding, OrphanOptions } from "./orphans.js";
import type { PlanAction, PlanCounts, PlannedPart } from "./plan.js";
import type { Rule } from "./rule.js";
import type { VerifyCounts, VerifyFinding, VerifyOptions } from "./verify.js";
import type { VerifyPosition } from "./verify-position.js";

/** How changes are noticed; `auto` = the best way that works on every root. */
export type CaptureChoice = "auto" | "fanotify" | "chokidar" | "walk";

export interface SourceWorkerData {
  readonly roots: readonly string[];
  readonly rules: readonly Rule[];
  /** Where each root lies in the sense of the rules. */
  readonly ruleRoots: readonly string[];
  readonly lastSeq: number;
  readonly signatureBytesMax: number;
  readonly windowBytes: number;
  readonly capture: CaptureChoice;
  readonly watchesMax: number | null;
  readonly walkSeconds: number;
  readonly auditSeconds: number;
  /** The file of the directory book. */
  readonly bookPath: string;
  readonly failpoint: string | null;
  readonly pulse: SharedArrayBuffer;
  /** The marks of the process, which its sets share. */
  readonly feeds: SharedArrayBuffer;
}

export interface MirrorOrder {
  readonly connectionId: number;
  readonly mirrorId: number;
  readonly mode: "full" | "difference";
  readonly extras: CompareChange["extras"];
  readonly suspect: CompareRequest["suspect"];
  readonly content: MirrorContent;
  readonly newerOnly: boolean;
  /** What the target has stays as it is; absent = it does not. */
  readonly missingOnly?: boolean;
  /** Files without content are left out; absent = they are not. */
  readonly skipsEmpty?: boolean;
  /** What alone is mirrored; null = the whole set. */
  readonly places: readonly MirrorPlace[] | null;
  /** An earlier part of this mirror came so far: up to there it goes on as a difference mirror by size and time. Null = it begins. */
  readonly doneThrough: MirrorPointer | null;
  /** False: how much there is to do is not calculated. */
  readonly isSized: boolean;
}

export type SourceCommand =
  | { readonly kind: "attach"; readonly connectionId: number }
  | { readonly kind: "detach"; readonly connectionId: number }
  | { readonly kind: "mirror"; readonly order: MirrorOrder }
  | { readonly kind: "stopMirror"; readonly connectionId: number }
  | { readonly kind: "pauseMirror"; readonly connectionId: number; readonly isPaused: boolean }
  | { readonly kind: "answers"; readonly connectionId: number; readonly answers: readonly Answer[] }
  | { readonly kind: "applied"; readonly connectionId: number; readonly seq: number }
  /** A channel to the target is open, which has applied all up to here. */
  | { readonly kind: "channel"; readonly connectionId: number; readonly seq: number; readonly rebuildsFiles: boolean }
  | { readonly kind: "accepted"; readonly bytes: number }
  /** So much is sent to this connection in a second; null = no limit. What a job puts in front of live changes follows from it. */
  | { readonly kind: "pace"; readonly connectionId: number; readonly bytesPerSecond: number | null }
  /** Told while there is a pace: sets of this connection's jobs up to here have gone. */
  | { readonly kind: "sent"; readonly connectionId: number; readonly seq: number }
  /** Answers to these sets may have been lost with a channel: compare what they touched. */
  | { readonly kind: "review"; readonly connectionId: number; readonly frames: readonly Uint8Array[] }
  /** The queue gave these sets up: nobody will answer what they asked. `connectionId` 0 = those of every connection. */
  | { readonly kind: "lost"; readonly connectionId: number; readonly fromSeq: number; readonly toSeq: number }
  /** Makes these places good; `changedSinceMs`: of what lies there, contents that changed since are compared. */
  | {
      readonly kind: "repair";
      readonly connectionId: number;
      readonly batch: number;
      readonly places: readonly DirtyPlace[];
      /** All files that have or had several names and changed since then are looked at, by every name. */
      readonly withLinks: boolean;
      readonly changedSinceMs: number;
    }
  | { readonly kind: "verify"; readonly connectionId: number; readonly jobId: number; readonly options: VerifyOptions }
  | { readonly kind: "stopVerify"; readonly connectionId: number }
  /** A verification from a place on, at a rate, beside the others. */
  | {
      readonly kind: "scrub";
      readonly connectionId: number;
      readonly jobId: number;
      readonly options: VerifyOptions;
      readonly bytesPerSecond: number;
      readonly start: VerifyPosition | null;
    }
  | { readonly kind: "pauseScrub"; readonly connectionId: number; readonly isPaused: boolean }
  | { readonly kind: "stopScrub"; readonly connectionId: number }
  | { readonly kind: "plan"; readonly connectionId: number; readonly jobId: number; readonly order: Omit<MirrorOrder, "mirrorId">; readonly namesMax: number }
  | { readonly kind: "stopPlan"; readonly connectionId: number }
  /** Asks where the tree may differ from what it was at the mark, once it is known. */
  | { readonly kind: "scan"; readonly connectionId: number; readonly id: number; readonly mark: CleanMark }
  | {
      readonly kind: "orphans";
      readonly connectionId: number;
      readonly jobId: number;
      readonly options: OrphanOptions;
      readonly confirmFiles: number;
      readonly place: OrphanPlaceName | null;
    }
  | { readonly kind: "stopOrphans"; readonly connectionId: number }
  /** The target is a copy: a closed set is wanted, empty if need be, that names the moment. */
  | { readonly kind: "cut" }
  | { readonly kind: "barrier"; readonly id: number; readonly connectionId: number }
  /** Answered after everything said before it was taken in. */
  | { readonly kind: "probe"; readonly id: number; readonly connectionId: number }
  | { readonly kind: "explain"; readonly id: number; readonly root: RootIndex; readonly path: BytePath }
  /** Puts a task into the order of the connection. */
  | { readonly kind: "insert"; readonly id: number; readonly connectionId: number; readonly task: TaskChange }
  | { readonly kind: "stop" };

export interface MirrorCounts {
  readonly filesTotal: number;
  readonly bytesTotal: number;
  readonly filesDone: number;
  /** Of those done, found equal. */
  readonly filesSkipped: number;
  readonly bytesDone: number;
  readonly bytesSkipped: number;
  readonly orphans: number;
  readonly removed: number;
  readonly orphanNames: readonly string[];
  /** Files that the target keeps because they are not older there, and the first of their paths. */
  readonly leftAlone: number;
  /** How many of them for being empty. */
  readonly leftEmpty: number;
  readonly leftAloneNames: readonly string[];
  /** Null = the size is not calculated. */
  readonly percent: number | null;
  /** Bytes of sets that are emitted and not yet applied. */
  readonly waitingBytes: number;
}

export type SourceEvent =
  | {
      readonly kind: "set";
      readonly seq: number;
      readonly connectionId: number;
      readonly mirror: boolean;
      /** A live set with which what a target holds is complete. */
      readonly ends: boolean;
      /** Directories have other names behind it. Live sets only. */
      readonly moves: boolean;
      /** The task that it holds, alone; absent = none. */
      readonly task?: Pick<TaskChange, "number" | "deed">;
      readonly changes: number;
      /** Files that it takes away, or all of whose content; files of the set behind it. */
      readonly lost: number;
      readonly files: number;
      /** Files that it overwrites or replaces: a number for each path. */
      readonly changed: Uint32Array;
      readonly lastPath: string;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "state"; readonly state: "Arming" | "Scanning" | "Watching"; readonly files: number; readonly bytes: number }
  | { readonly kind: "coverage"; readonly coverage: CaptureCoverage; readonly audit: AuditFigures | null }
  /** No event had told of these; they were shipped. The first paths of `count`. */
  | { readonly kind: "missed"; readonly root: RootIndex; readonly paths: readonly BytePath[]; readonly count: number }
  | { readonly kind: "halt"; readonly error: { readonly code: string; readonly message: string } | null }
  /** The tree, with so many files, is known, and the mirror begins, which may remove what is not in it. None of its sets came yet. */
  | {
      readonly kind: "mirrorStarted";
      readonly connectionId: number;
      readonly mirrorId: number;
      readonly files: number;
      readonly removesExtras: boolean;
    }
  /** `done`: all before the pointer is emitted, in set `seq` and before; pointer null = nothing is known to be. Null = that is not worth knowing. */
  | {
      readonly kind: "mirrorProgress";
      readonly connectionId: number;
      readonly mirrorId: number;
      readonly counts: MirrorCounts;
      readonly done: { readonly pointer: MirrorPointer | null; readonly seq: number } | null;
    }
  /** Names are about to leave inodes that they share on the target, and nothing of that is emitted yet: see MirrorProgress.settle. */
  | { readonly kind: "mirrorSettling"; readonly connectionId: number; readonly mirrorId: number }
  /** All of the mirror is emitted: it is done when the target applied `lastSeq`. */
  | { readonly kind: "mirrorEmitted"; readonly connectionId: number; readonly mirrorId: number; readonly lastSeq: number; readonly counts: MirrorCounts }
  | { readonly kind: "repairs"; readonly connectionId: number; readonly pending: number; readonly lastSeq: number }
  /** A verification found that these differ, and is to have them repaired. Told before it tells of what it found. */
  | { readonly kind: "found"; readonly connectionId: number; readonly places: readonly DirtyPlace[] }
  /** All that makes these batches good is emitted, up to set `lastSeq`. */
  | { readonly kind: "repaired"; readonly connectionId: number; readonly batches: readonly number[]; readonly lastSeq: number }
  /** Findings since the last time. */
  | {
      readonly kind: "verifyProgress";
      readonly connectionId: number;
      readonly jobId: number;
      readonly counts: VerifyCounts;
      readonly findings: readonly VerifyFinding[];
      /** The source is audited first. */
      readonly isAuditing: boolean;
      /** False: so much moved that some of it may have been missed. */
      readonly isWhole: boolean;
      /** Of a scrub: all in front of it is judged; null = not told this time. */
      readonly position: VerifyPosition | null;
    }
  /** All is judged; what is repaired is emitted by repairs of their own. */
  | { readonly kind: "verifyEnded"; readonly connectionId: number; readonly jobId: number; readonly lastSeq: number; readonly isWhole: boolean }
  /** All that happened before the mark is in sets up to `seq`, and no job of this connection is at work; null = of no connection would a scan find what changes. */
  | { readonly kind: "clean"; readonly connectionId: number; readonly seq: number; readonly mark: CleanMark | null }
  /** Where the tree may differ from what it was; `places` null: anywhere, because `why`. None of the sets behind it came yet. */
  | {
      readonly kind: "scanned";
      readonly connectionId: number;
      readonly id: number;
      readonly files: number;
      readonly places: readonly DirtyPlace[] | null;
      readonly why: string;
    }
  /** Findings since the last time. */
  | {
      readonly kind: "orphansProgress";
      readonly connectionId: number;
      readonly jobId: number;
      readonly counts: OrphanCounts;
      readonly findings: readonly OrphanFinding[];
    }
  | {
      readonly kind: "planProgress";
      readonly connectionId: number;
      readonly jobId: number;
      readonly counts: PlanCounts;
      readonly parts: Readonly<Record<PlanAction, PlannedPart>>;
    }
  /** Not whole: so much moved that some of it may have been missed. */
  | { readonly kind: "planEnded"; readonly connectionId: number; readonly jobId: number; readonly isWhole: boolean }
  /** `failure`: why not all was done that was wanted; null = it was. */
  | { readonly kind: "orphansEnded"; readonly connectionId: number; readonly jobId: number; readonly failure: string | null }
  | { readonly kind: "problem"; readonly root: RootIndex; readonly path: BytePath; readonly code: string; readonly message: string }
  | { readonly kind: "barrier"; readonly id: number; readonly seq: number }
  /** Null: the source found no rest to put it behind a complete state. */
  | { readonly kind: "inserted"; readonly id: number; readonly seq: number | null }
  | { readonly kind: "probe"; readonly id: number; readonly pending: number; readonly repairSeq: number }
  | { readonly kind: "explained"; readonly id: number; readonly knowledge: PathKnowledge };

/** The source worker as a connection uses it. */
export interface SourceFeed {
  /** Of the worker, as long as there is one. */
  readonly pulse?: Pulse | null;
  send(command: SourceCommand): void;
  /** A sequence number of this connection that covers everything on the source at the call. */
  barrier(connectionId: number): Promise<number>;
  /** Puts a task into the order of this connection, behind all that is on the source; null = the source found no rest for that. */
  insert(connectionId: number, task: TaskChange): Promise<number | null>;
  /** Places that wait for repair, and the last set that a repair of this connection emitted. */
  probe(connectionId: number): Promise<{ readonly pending: number; readonly repairSeq: number }>;
}
