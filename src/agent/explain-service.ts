// Explains what replication makes of a path: from the rules of the sets, the tree, and what the workers of connected sets know.

import { join } from "node:path";
import { SmError } from "../base/errors.js";
import type { RepsetStore } from "../config/repset-store.js";
import { reportConnection } from "../connection/connection-report.js";
import type { SourceConnection } from "../connection/source-connection.js";
import { AT_FDCWD, type FileStat, statAt } from "../fs/native.js";
import { type BytePath, bytesFromText, PATH_BYTES_MAX } from "../model/byte-path.js";
import type { EntryType } from "../model/change.js";
import { factsOf, type PathExplanation, type PathKnowledge, type PathTarget, type SetExplanation } from "../model/explanation.js";
import { RepsetMatcher } from "../model/repset-matcher.js";
import { isInside, rootsOf } from "../model/repset-roots.js";
import type { RepsetData } from "../model/rule.js";
import type { RepsetSource } from "./repset-source.js";

export interface ExplainServiceOptions {
  readonly repsets: RepsetStore;
  /** The set in operation, if it is connected. */
  readonly sourceOf: (repset: string) => RepsetSource | undefined;
}

interface Asked {
  readonly path: string;
  /** Relative to "/", in bytes. */
  readonly bytes: BytePath;
  readonly stat: FileStat | null;
}

export class ExplainService {
  readonly #options: ExplainServiceOptions;

  constructor(options: ExplainServiceOptions) {
    this.#options = options;
  }

  async explain(text: string): Promise<PathExplanation> {
    const path = join("/", text).replace(/(?<=.)\/$/, "");
    const bytes = bytesFromText(path);
    if (!text.startsWith("/") || bytes.length > PATH_BYTES_MAX)
      throw new SmError("USAGE", `${path} is not an absolute path of at most ${PATH_BYTES_MAX} bytes`);
    const stat = statAt(AT_FDCWD, bytes);
    const asked: Asked = { path, bytes: bytes.slice(1) as BytePath, stat: typeof stat === "number" ? null : stat };
    const sets: SetExplanation[] = [];
    for (const { repset } of this.#options.repsets.list()) {
      const explained = repset === undefined ? null : await this.#explainSet(repset, asked);
      if (explained !== null) sets.push(explained);
    }
    return { path, onDisk: asked.stat === null ? null : factsOf(typeOf(asked.stat), asked.stat), sets };
  }

  async #explainSet(repset: RepsetData, { path, bytes, stat }: Asked): Promise<SetExplanation | null> {
    const source = this.#options.sourceOf(repset.name);
    const roots = source?.roots ?? rootsOf(repset.rules, mayBeDirectory);
    const root = roots.find((each) => isInside(path, each)) ?? null;
    const knowledge = source === undefined || root === null ? null : await askWorker(source, root, path);
    const isDirectory = (stat === null ? knowledge?.known?.type : typeOf(stat)) === "dir";
    const matcher = new RepsetMatcher(repset.rules, "/");
    const { rule, included } = matcher.explain(bytes, isDirectory);
    const isWay = !included && isDirectory && matcher.mayContain(bytes);
    if (rule === null && root === null && !isWay) return null;
    return {
      repset: repset.name,
      root,
      decision: included ? "included" : isWay ? "way" : "excluded",
      rule,
      ruleNumber: rule === null ? null : repset.rules.indexOf(rule) + 1,
      knowledge: knowledge === null ? null : { known: knowledge.known, waits: knowledge.waits },
      targets: source === undefined || root === null ? [] : [...source.connections].map((each) => targetOf(each, root, path, knowledge)),
    };
  }
}

function askWorker(source: RepsetSource, root: string, path: string): Promise<PathKnowledge> | null {
  if (source.report().state !== "Watching") return null;
  const below = path.slice(root.length).replace(/^\//, "");
  return source.explain(source.roots.indexOf(root), bytesFromText(below) as BytePath);
}

function targetOf(connection: SourceConnection, root: string, path: string, knowledge: PathKnowledge | null): PathTarget {
  const { id, target, mappings, state, appliedSeq, lastSeq } = reportConnection(connection);
  const mapped = mappings.find(({ source }) => source === root)?.target ?? root;
  return {
    connection: id,
    target,
    path: connection.record.isSimulated === true ? "" : join(mapped, path.slice(root.length)),
    state,
    isChecked: knowledge?.checkedBy.includes(id) === true,
    appliedSeq,
    lastSeq,
  };
}

/** A rule for what is not there may name a directory to come. */
function mayBeDirectory(path: string): boolean {
  const stat = statAt(AT_FDCWD, bytesFromText(path));
  return typeof stat === "number" || typeOf(stat) === "dir";
}

function typeOf(stat: FileStat): EntryType {
  switch (stat.mode & 0o170000) {
    case 0o100000:
      return "file";
    case 0o040000:
      return "dir";
    case 0o120000:
      return "symlink";
    default:
      return "special";
  }
}
