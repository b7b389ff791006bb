// What the engine knows of one path, and what it has not worked on yet.

import type { BytePath } from "../model/byte-path.js";
import type { RootIndex } from "../model/change.js";
import { factsOf, type PathKnowledge, type PathWait } from "../model/explanation.js";
import type { SourceEngine } from "./source-engine.js";

export function knowledgeOf(engine: SourceEngine, root: RootIndex, path: BytePath): Omit<PathKnowledge, "checkedBy"> {
  const inode = engine.trees[root]?.table.at(path)?.inode;
  const waits: PathWait[] = [...engine.inbox.waitsOf(root, path)];
  if (engine.live.isMissing(root, path)) waits.push("missing");
  if (inode === undefined) return { known: null, waits };
  if (engine.live.isWritten(inode)) waits.push("written");
  if (engine.doubts.has(inode)) waits.push("doubt");
  return { known: { ...factsOf(inode.type, inode), version: inode.version, names: inode.nameCount, isYoung: inode.racy }, waits };
}
