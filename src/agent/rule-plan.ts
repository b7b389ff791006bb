// What belongs to a set by other rules than now: a walk over the source with both, side by side.

import { SmError } from "../base/errors.js";
import { type BytePath, displayPath, parentPath, ROOT_PATH } from "../model/byte-path.js";
import type { PlanPart, RulePlan } from "../model/plan.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import { isInside, rootsOf } from "../model/repset-roots.js";
import type { Rule } from "../model/rule.js";
import { isDirectory } from "./set-roots.js";
import { type WalkedEntry, walkSource } from "./source-walk.js";
import { WalkTurns } from "./walk-turns.js";

export interface RuleChange {
  readonly before: readonly Rule[];
  readonly after: readonly Rule[];
  readonly namesMax: number;
  /** Aborts: nobody waits for it any more. */
  readonly signal?: AbortSignal;
}

/** Rejects with TIMEOUT when the signal aborts: a part of it would be taken for the whole. */
export async function compareRules({ before, after, namesMax, signal }: RuleChange): Promise<Pick<RulePlan, "included" | "excluded" | "problems">> {
  const included = new Gathered(namesMax);
  const excluded = new Gathered(namesMax);
  const turns = new WalkTurns(signal);
  let problems = 0;
  for (const root of outermost([...rootsOf(before, isDirectory), ...rootsOf(after, isDirectory)])) {
    if (!isDirectory(root)) continue;
    const [old, next] = [new RepsetMatcher(before, root), new RepsetMatcher(after, root)];
    const sideOf = (path: BytePath, isDir: boolean): string => `${old.decide(path, isDir)} ${next.decide(path, isDir)}`;
    const show = (entry: WalkedEntry): boolean => {
      const { path, isDirectory: isDir } = entry;
      const side = sideOf(path, isDir);
      const above = parentPath(path);
      const gathered = side === INCLUDED ? included : side === EXCLUDED ? excluded : null;
      gathered?.add(root, entry, above === ROOT_PATH || sideOf(above, true) !== side);
      return side !== NEITHER || old.mayContain(path) || next.mayContain(path);
    };
    problems += await walkSource(root, show, turns);
    if (turns.isGivenUp) throw new SmError("TIMEOUT", "the source is too large to be walked in time, or the agent is stopping");
  }
  return { included: included.part, excluded: excluded.part, problems };
}

/** Whether it belongs to the set before, and after. */
const INCLUDED = "false true";
const EXCLUDED = "true false";
const NEITHER = "false false";

function outermost(roots: readonly string[]): readonly string[] {
  const all = [...new Set(roots)];
  return all.filter((root) => !all.some((other) => other !== root && isInside(root, other))).sort();
}

/** What changes sides, named by the outermost. */
class Gathered {
  readonly #namesMax: number;
  readonly #sums = { files: 0, directories: 0, bytes: 0 };
  readonly #names: string[] = [];

  constructor(namesMax: number) {
    this.#namesMax = namesMax;
  }

  get part(): PlanPart {
    return { ...this.#sums, names: this.#names };
  }

  add(root: string, { path, isDirectory: isDir, size }: WalkedEntry, isOutermost: boolean): void {
    if (isDir) this.#sums.directories += 1;
    else this.#sums.files += 1;
    this.#sums.bytes += size;
    if (isOutermost && this.#names.length < this.#namesMax) this.#names.push(`${root === "/" ? "" : root}/${displayPath(path)}${isDir ? "/" : ""}`);
  }
}
