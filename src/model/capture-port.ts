// The port through which every capture source speaks. A source reports *hints*: places to look at.
// The change builder looks, compares with what it knows, and ships the state found (design §3, §4).
// A source that knows more (byte ranges, renames with identity) says so; one that knows less may not guess.

import type { BytePath } from "./byte-path.js";
import type { RootIndex } from "./change.js";

/** An inode for as long as it lives. `generation` is a birth time or an inode generation; 0n = unknown. */
export interface NodeIdentity {
  readonly dev: number;
  readonly ino: number;
  readonly generation: bigint;
}

export type CaptureFact =
  /** Something happened to this name: made, removed, renamed, content or attributes. `directory`: the one that it is in, which may have moved meanwhile. */
  | { readonly kind: "name"; readonly root: RootIndex; readonly path: BytePath; readonly directory?: NodeIdentity | null }
  /** Content of this file may be new: it was written to, or closed by a writer, whose writes may have been told before. */
  | {
      readonly kind: "content";
      readonly root: RootIndex;
      readonly path: BytePath;
      readonly node: NodeIdentity | null;
      readonly isModified: boolean;
      readonly isClosed: boolean;
      /** The name came or went, too. */
      readonly isNamed?: boolean;
      readonly directory?: NodeIdentity | null;
    }
  | {
      readonly kind: "attr";
      readonly root: RootIndex;
      readonly path: BytePath;
      readonly node: NodeIdentity | null;
      readonly isNamed?: boolean;
      readonly directory?: NodeIdentity | null;
    }
  /** A rename that the kernel reported as one, with the identity of what moved. */
  | {
      readonly kind: "rename";
      readonly root: RootIndex;
      readonly path: BytePath;
      readonly to: BytePath;
      readonly node: NodeIdentity;
      /** Those that the names are in. */
      readonly directory?: NodeIdentity | null;
      readonly toDirectory?: NodeIdentity | null;
    }
  /**
   * List this directory by bytes: a name in it could not be told (not UTF-8), or it is new. One with a `node` other than the root's and the path
   * "" is somewhere unknown. `isUntold`: entries with other times may have been written to or closed, which is told by nothing else.
   */
  | {
      readonly kind: "directory";
      readonly root: RootIndex;
      readonly path: BytePath;
      readonly recursive: boolean;
      readonly node?: NodeIdentity | null;
      readonly isUntold?: boolean;
    }
  /** Events under `path` may have been lost: compare the subtree with what is known. */
  | { readonly kind: "lost"; readonly root: RootIndex; readonly path: BytePath; readonly reason: string };

export interface CaptureCoverage {
  /** Tier of design §4. */
  readonly tier: 1 | 2 | 3 | 4 | 5;
  readonly source: string;
  /** Why this tier, in one sentence. */
  readonly why: string;
  /** What this tier cannot see, in one sentence each. */
  readonly blindSpots: readonly string[];
  readonly directoriesWatched: number;
  readonly directoriesTotal: number;
  /** Seconds between walks that cover what is not watched; 0 = none needed. */
  readonly walkSeconds: number;
  /** Remedy when coverage is not complete, e.g. the sysctl to raise and the value needed. */
  readonly advice: string | null;
  readonly events: number;
  readonly losses: number;
}

/** What comparing the tree with what is known has shown of a source that misses nothing. */
export interface AuditFigures {
  /** When the last one had gone over all roots; Unix, ms; null = none yet. */
  readonly lastMs: number | null;
  /** Entries found that no event had told of, since the agent started. */
  readonly missed: number;
}

/** A source that is read in the thread that works on its facts. */
export interface DrainedSource extends CaptureSource {
  /** When it returns, `take` gives facts of everything that happened before the call. */
  drain(): void;
  /** Looks now at what else is heard of a moment later: somebody waits for all that is there. `drain` comes behind it. */
  hurry(): void;
}

export interface CaptureSource {
  /** Resolves when every directory under the roots is armed (or known not to be); facts flow from then on. */
  arm(): Promise<void>;
  /** Takes all facts gathered since the last call, at most `max`; the rest stays. */
  take(max: number): CaptureFact[];
  /** Calls back when there are facts to take. */
  onFacts(listener: () => void): void;
  coverage(): CaptureCoverage;
  close(): Promise<void>;
}

/** What a source may leave out: excluded directories are not watched. `path` relative to the root. */
export interface CaptureScope {
  readonly roots: readonly { readonly index: RootIndex; readonly path: string }[];
  /** False: neither this directory nor anything below it can be in the set. */
  mayContain(root: RootIndex, directory: BytePath): boolean;
}
